"""Measure the trivial opponents on validation clips, and pick one for each kind of data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import baselines
from kinecast.metrics.evaluate import evaluate_one


@dataclass(frozen=True)
class OpponentTable:
    """Errors of every baseline over clips.

    Attributes:
        best: the baseline with the lowest `ade`: what goes into `forecast.baselines.OPPONENTS`.
        ade, moving_ade: mean over clips of the clip's ADE in pixels, by baseline; a clip without
            such points does not count.
        clips: how many were measured.
    """

    best: str
    ade: dict[str, float]
    moving_ade: dict[str, float]
    clips: int

    def __str__(self) -> str:
        rows = sorted(self.ade, key=self.ade.__getitem__)
        lines = [f"{name:<20}{self.ade[name]:>9.3f}{self.moving_ade[name]:>9.3f}" for name in rows]
        return "\n".join([f"{self.clips} clips{'ADE':>20}{'moving':>9}", *lines])


def pick_opponent(clips: Iterable[tuple[Tracks, Tracks]]) -> OpponentTable:
    """The baseline with the lowest mean ADE.

    Args:
        clips: (history, truth) of validation clips, never of those that a model is judged on.

    Raises:
        UserError: no clips, or a truth that is never visible.
    """
    table = baselines()
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in table}
    for history, truth in clips:
        for name, baseline in table.items():
            scores = evaluate_one(baseline(history, len(truth)), truth, history)
            errors[name].append((scores["ade"], scores["moving"]["ade"]))
    if not any(errors.values()):
        raise UserError("expected validation clips to measure baselines on, got none")
    ade, moving = (
        {name: _finite_mean(np.array(values)[:, kind]) for name, values in errors.items()}
        for kind in (0, 1)
    )
    best = min(ade, key=ade.__getitem__)
    return OpponentTable(best, ade, moving, clips=len(errors[best]))


def _finite_mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
