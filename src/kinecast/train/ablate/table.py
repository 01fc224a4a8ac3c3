"""What an ablation found: a table beside the papers' claims, in Markdown and JSON, and its curves.

`table.json` holds, per arm, its mean scores, its steps and its CPU seconds; per claim both scores,
the difference with its interval and the verdict. `scores.json` holds what all of that is made of:
the score of every arm, seed and held-out unit.
"""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinecast.io.atomic import atomic_path
from kinecast.train.ablate import curves
from kinecast.train.ablate.arm import Claim
from kinecast.train.ablate.interval import difference, mean_of, verdict
from kinecast.train.ablate.run import Ablation, cpu_seconds_of, recipe_of, scores_of, with_finished

SIGNS = {"higher": ">", "lower": "<", "same": "about"}


def summary(ablation: Ablation) -> dict[str, Any]:
    """All that the table shows; the chosen arms are done."""
    names = [arm.name for arm in ablation.arms]
    scores = {name: scores_of(ablation, name) for name in names}
    claims = [
        _judged(claim, scores)
        for claim in ablation.suite.claims
        if claim.arm in names and claim.against in names
    ]
    return {
        "suite": ablation.suite.name,
        "budget": ablation.budget,
        "seeds": list(range(ablation.seeds)),
        "device": str(ablation.device),
        "arms": {
            arm.name: {
                "about": arm.about,
                "steps": _steps(ablation, arm.name),
                "cpu_seconds": round(cpu_seconds_of(ablation, arm.name), 1),
                "scores": {k: _number(mean_of(v)) for k, v in scores[arm.name].items()},
            }
            for arm in ablation.arms
        },
        "claims": claims,
    }


def write(ablation: Ablation) -> tuple[dict[str, Any], dict[str, str]]:
    """Write table.json, table.md, scores.json, curves.json and, with matplotlib, curves.png.

    They are of the chosen arms and of those that are there (`run.with_finished`).

    Returns:
        The summary, and the absolute paths by what they are.
    """
    ablation = with_finished(ablation)
    found = summary(ablation)
    out = ablation.out.absolute()
    _text(out / "table.json", json.dumps(found, indent=1) + "\n")
    _text(out / "table.md", markdown(found))
    scores = {arm.name: _rounded(scores_of(ablation, arm.name)) for arm in ablation.arms}
    _text(out / "scores.json", json.dumps(scores) + "\n")
    names = {"table": "table.md", "json": "table.json", "scores": "scores.json"}
    paths = {what: str(out / name) for what, name in names.items()}
    return found, paths | curves.write(ablation, out)


def markdown(found: dict[str, Any]) -> str:
    """Two tables: the claims, and every arm's scores."""
    seeds = len(found["seeds"])
    lines = [
        f"# Ablation `{found['suite']}`",
        "",
        f"Budget {found['budget']:g}, {seeds} seed{'s' if seeds > 1 else ''}, {found['device']}. "
        "Intervals: 95 %, bootstrap over seeds and held-out clips of the paired difference.",
        "",
        "| claim | source and its numbers | score | ours | difference | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["claims"]:
        sign = SIGNS[row["direction"]]
        lines.append(
            f"| {row['arm']} {sign} {row['against']} | {row['source']}: {row['paper']} "
            f"| {row['metric']} | {_short(row['ours'])} against {_short(row['reference'])} "
            f"| {_short(row['difference'])} [{_short(row['low'])}, {_short(row['high'])}] "
            f"| {row['verdict']} |"
        )
    lines += ["", "| arm | what it is | steps | CPU s | scores |", "|---|---|---|---|---|"]
    for name, arm in found["arms"].items():
        scores = ", ".join(f"{k} {_short(v)}" for k, v in arm["scores"].items())
        lines.append(
            f"| {name} | {arm['about']} | {arm['steps']} | {arm['cpu_seconds']:.0f} | {scores} |"
        )
    return "\n".join(lines) + "\n"


def _judged(claim: Claim, scores: dict[str, dict[str, list[list[float]]]]) -> dict[str, Any]:
    gap = difference(scores[claim.arm][claim.metric], scores[claim.against][claim.metric])
    return {
        **asdict(claim),
        "ours": _number(gap.arm),
        "reference": _number(gap.against),
        "difference": _number(gap.mean),
        "low": _number(gap.low),
        "high": _number(gap.high),
        "by_seed": [_number(mean) for mean in gap.seeds],
        "verdict": verdict(gap, claim.direction, claim.tolerance),
    }


def _steps(ablation: Ablation, name: str) -> int:
    recipe = recipe_of(ablation, ablation.suite.arm(name), 0)
    return sum(optim.steps for optim in recipe.stages.values()) if recipe else 0


def _rounded(scores: dict[str, list[list[float]]]) -> dict[str, list[list[float | None]]]:
    """Nine digits; NaN, which JSON does not know, as null."""
    return {
        name: [[_number(float(f"{x:.9g}")) for x in seed] for seed in seeds]
        for name, seeds in scores.items()
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _short(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text)
