"""A run's loss and validation curves: a small JSON to commit, a picture to look at."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinecast.io.atomic import atomic_path

POINTS = 200  # of a loss curve in curve.json
Rows = Sequence[Mapping[str, Any]]


def summary(rows: Rows, select: str = "best") -> dict[str, Any]:
    """First and last tenth of the loss, and the scores of the weights that are handed on.

    Args:
        select: those are of the best validation, or of the "last" (`Optim.select`).
    """
    losses = [row["loss"] for row in rows if "loss" in row]
    scores = [{"step": row["step"], **row["validation"]} for row in rows if "validation" in row]
    tenth = max(1, len(losses) // 10)
    best = min(scores, key=lambda s: s["model"], default={})
    return {
        "steps": len(losses),
        "loss_first": _mean(losses[:tenth]),
        "loss_last": _mean(losses[-tenth:]),
        "validation": scores[-1] if scores and select == "last" else best,
        "throughput": next(
            (row["throughput"] for row in reversed(rows) if row.get("throughput")), {}
        ),
    }


def compact(rows: Rows) -> dict[str, Any]:
    """At most `POINTS` averaged losses, and every validation."""
    losses = [row for row in rows if "loss" in row]
    width = max(1, -(-len(losses) // POINTS))
    bins = [losses[i : i + width] for i in range(0, len(losses), width)]
    return {
        "loss": [
            {"step": part[-1]["step"], "loss": _mean([row["loss"] for row in part])}
            for part in bins
        ],
        "validation": [
            {"step": row["step"], **row["validation"]} for row in rows if "validation" in row
        ],
    }


def write(out: Path, stages: Mapping[str, Rows]) -> dict[str, str]:
    """Write curve.json and, where matplotlib is installed, curve.png; their absolute paths.

    Raises:
        UserError: the folder cannot be written.
    """
    curve = {name: compact(rows) for name, rows in stages.items()}
    path = out / "curve.json"
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(curve, indent=1) + "\n")
    paths = {"curve": str(path)}
    if curve and has_matplotlib():
        paths["plot"] = str(plot(curve, out / "curve.png"))
    return paths


def plot(curve: Mapping[str, Mapping[str, Any]], path: Path) -> Path:
    """Loss (left) and validation beside the baselines (right), one row a stage."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3 * len(curve)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(curve), 2, squeeze=False)
    for (left, right), (name, part) in zip(axes, curve.items(), strict=True):
        left.plot([p["step"] for p in part["loss"]], [p["loss"] for p in part["loss"]])
        left.set(title=f"{name}: loss", xlabel="step")
        scores = part["validation"]
        for key in [k for k in scores[0] if k != "step"] if scores else []:
            style = {"linewidth": 2} if key == "model" else {"linestyle": "--", "linewidth": 1}
            right.plot([s["step"] for s in scores], [s[key] for s in scores], label=key, **style)
        right.set(title=f"{name}: validation (lower is better)", xlabel="step")
        if scores:
            right.legend(fontsize="small")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return path


def has_matplotlib() -> bool:
    """Whether pictures of curves can be drawn."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
