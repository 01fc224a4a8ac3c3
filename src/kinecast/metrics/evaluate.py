"""All scores of one forecast against what happened."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.metrics import displacement, visibility


def evaluate(
    futures: Sequence[Tracks], truth: Tracks, history: Tracks | None = None
) -> dict[str, Any]:
    """Score K futures of the same points against the truth.

    The first frame of both is the first after the history; where one is longer than the other, the
    frames that both have are scored.

    Args:
        futures: K samples (a Forecast or a list); one for a forecast without samples.
        truth: what happened; only points visible in it count.
        history: decides which points move (see `displacement.moving`); a Forecast brings its own.

    Returns:
        mean_ade, best_ade, sample_ade, mean_fde, best_fde over all points, the same under "moving",
        and visibility_f1; pixels of the truth's frame, NaN where no such point is visible.

    Raises:
        UserError: no futures, points or frame sizes disagree, or the truth is never visible.
    """
    xy, truth = _common(futures, truth)
    if history is None and isinstance(futures, Forecast):
        history = futures.history
    everything = np.ones(truth.count, bool)
    moving = displacement.moving(truth, history)
    return {
        **displacement.of_samples(xy, truth, everything),
        "moving": displacement.of_samples(xy, truth, moving),
        "visibility_f1": visibility.f1([f.visible[: len(truth)] for f in futures], truth.visible),
    }


def evaluate_one(future: Tracks, truth: Tracks, history: Tracks | None = None) -> dict[str, Any]:
    """Score one forecast without samples (a trivial baseline): ade, fde and the same for "moving".

    Args, frames scored and errors are those of `evaluate`.
    """
    xy, truth = _common([future], truth)
    everything = np.ones(truth.count, bool)
    moving = displacement.moving(truth, history)
    return {
        **displacement.of_one(xy[0], truth, everything),
        "moving": displacement.of_one(xy[0], truth, moving),
    }


def _common(futures: Sequence[Tracks], truth: Tracks) -> tuple[np.ndarray, Tracks]:
    """Positions (K, T, N, 2) and truth over the frames that both have."""
    if not futures:
        raise UserError("expected at least one future to score, got none")
    for future in futures:
        if (future.count, future.size) != (truth.count, truth.size):
            raise UserError(
                f"expected futures and truth of the same points, got {future.count} points on "
                f"{future.size} and {truth.count} on {truth.size}"
            )
    frames = min(len(truth), *(len(future) for future in futures))
    truth = truth.window(0, frames)
    if not truth.visible.any():
        raise UserError(
            f"expected a truth with visible points, got none in its first {frames} frames; "
            "nothing can be scored"
        )
    return np.stack([future.xy[:frames] for future in futures]), truth
