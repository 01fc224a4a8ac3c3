"""Continuity where a forecast takes over from what was seen.

Judged beside the truth's own jumps: real motion has some. A still forecast has no jump of position,
and all of the velocity it stops. FVMD does not see this boundary.
"""

import numpy as np
from jaxtyping import Bool

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


def position_jump(
    history: Tracks, future: Tracks, points: Bool[np.ndarray, " n"] | None = None
) -> float:
    """Mean distance, pixels, from the last history frame to the first future frame.

    Args:
        history: points visible in its last frame count.
        future: a forecast, or what happened.
        points: which to judge (for what happened: those seen in its first frame); default all.

    Raises:
        UserError: other points or frame sizes, none to judge, or one that is not finite.
    """
    seen = _judged(history, future, points, frames=1)
    return _mean_length(future.xy[0, seen].astype(np.float64) - history.xy[-1, seen])


def velocity_jump(
    history: Tracks, future: Tracks, points: Bool[np.ndarray, " n"] | None = None
) -> float:
    """Mean length, pixels a frame, of the change of velocity in the first future frame.

    Args:
        history: points visible in its last two frames count.
        future, points: as in `position_jump`.

    Raises:
        UserError: a history of one frame, and those of `position_jump`.
    """
    seen = _judged(history, future, points, frames=2)
    before, last = history.xy[-2:, seen].astype(np.float64)
    return _mean_length((future.xy[0, seen] - last) - (last - before))


def _judged(
    history: Tracks, future: Tracks, points: np.ndarray | None, frames: int
) -> Bool[np.ndarray, " n"]:
    if (history.count, history.size) != (future.count, future.size):
        raise UserError(
            f"expected history and future of the same points, got {history.count} points on "
            f"{history.size} and {future.count} on {future.size}"
        )
    if len(history) < frames:
        raise UserError(f"expected a history of at least {frames} frames, got {len(history)}")
    seen = np.asarray(history.visible[-frames:].all(axis=0))
    if points is not None:
        seen = seen & points
    if not seen.any():
        raise UserError(
            f"expected points that are visible in the last {frames} frames of the history, got none"
        )
    return seen


def _mean_length(difference: np.ndarray) -> float:
    if not np.isfinite(difference).all():
        raise UserError(
            "expected finite positions in the first future frame, got some that are not; of what "
            "happened, judge the points that are seen there"
        )
    return float(np.linalg.norm(difference, axis=-1).mean())
