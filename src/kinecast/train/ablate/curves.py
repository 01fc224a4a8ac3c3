"""The validations of all arms over their steps: numbers to commit, a picture to look at."""

import json
from pathlib import Path
from typing import Any

from kinecast.io.atomic import atomic_path
from kinecast.train import log
from kinecast.train.ablate.run import Ablation
from kinecast.train.curves import compact, has_matplotlib


def write(ablation: Ablation, out: Path) -> dict[str, str]:
    """Write curves.json and, where matplotlib is installed, curves.png; their absolute paths."""
    found = collect(ablation)
    path = out / "curves.json"
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(found) + "\n")
    paths = {"curves": str(path)}
    if has_matplotlib():
        paths["plot"] = str(plot(ablation, found, out / "curves.png"))
    return paths


def collect(ablation: Ablation) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Arm -> stage -> losses and validations of each seed."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for arm in ablation.arms:
        if arm.recipe is None:
            continue
        found[arm.name] = {
            stage: [
                compact(log.read(ablation.folder(arm.name, seed) / stage / log.LOG))
                for seed in range(ablation.seeds)
            ]
            for stage in arm.recipe.stages
        }
    return found


def plot(ablation: Ablation, found: dict[str, Any], path: Path) -> Path:
    """A panel for each curve of the suite that an arm has; a line an arm and seed."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        (stage, score)
        for stage, score in ablation.suite.curves
        if any(stage in stages for stages in found.values())
    ]
    figure = Figure(figsize=(9, 3.2 * max(1, len(panels))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(max(1, len(panels)), 1, squeeze=False)[:, 0]
    palette = colormaps["tab20"]
    colours = {arm: palette(index % palette.N) for index, arm in enumerate(found)}
    for axis, (stage, score) in zip(axes, panels, strict=False):
        for arm, stages in found.items():
            for seed, curve in enumerate(stages.get(stage, [])):
                points = [p for p in curve["validation"] if p.get(score) is not None]
                if not points:  # a stage that was given, not trained: nothing to name in the legend
                    continue
                axis.plot(
                    [p["step"] for p in points],
                    [p[score] for p in points],
                    color=colours[arm],
                    label=arm if seed == 0 else None,
                    linewidth=1,
                )
        axis.set(title=f"{stage}: {score}", xlabel="step", yscale="log")
        axis.legend(fontsize="x-small", ncols=2)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return path
