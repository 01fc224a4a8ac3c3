"""How far forecasts are from the truth, in pixels of the truth's frame.

ADE: mean Euclidean distance over the horizon's frames and the points where the truth is visible.
FDE: the same at the horizon's last frame. Of K samples: of their mean, of the one sample with the
lowest ADE over the whole clip and the points in question (a joint choice for all points and
frames), and averaged over the samples.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks

MOVING_FRACTION = 0.02  # of the frame's diagonal


def ade(xy: Float[np.ndarray, "t n 2"], truth: Tracks, points: Bool[np.ndarray, " n"]) -> float:
    """Mean distance over frames and `points` where the truth is visible; NaN if none is."""
    return _mean_distance(xy, truth.xy, truth.visible & points)


def fde(xy: Float[np.ndarray, "t n 2"], truth: Tracks, points: Bool[np.ndarray, " n"]) -> float:
    """Mean distance over `points` whose truth is visible at the last frame; NaN if none is."""
    return _mean_distance(xy[-1:], truth.xy[-1:], truth.visible[-1:] & points)


def of_one(
    xy: Float[np.ndarray, "t n 2"], truth: Tracks, points: Bool[np.ndarray, " n"]
) -> dict[str, float]:
    """`ade` and `fde` of a forecast that has no samples."""
    return {"ade": ade(xy, truth, points), "fde": fde(xy, truth, points)}


def of_samples(
    xy: Float[np.ndarray, "k t n 2"], truth: Tracks, points: Bool[np.ndarray, " n"]
) -> dict[str, float]:
    """ADE and FDE of the samples' mean, of the best sample (lowest ADE), and ADE on average."""
    mean = xy.mean(axis=0, dtype=np.float64)
    ades = [ade(sample, truth, points) for sample in xy]
    best = int(np.argmin(ades))
    return {
        "mean_ade": ade(mean, truth, points),
        "best_ade": ades[best],
        "sample_ade": float(np.mean(ades)),
        "mean_fde": fde(mean, truth, points),
        "best_fde": fde(xy[best], truth, points),
    }


def moving(truth: Tracks, history: Tracks | None = None) -> Bool[np.ndarray, " n"]:
    """Points whose visible truth gets farther than 2 % of the diagonal from where they were.

    Where they were is their position at the last history frame (their last visible one where that
    is not finite); without a history, their first visible position in the truth.

    Raises:
        UserError: history and truth hold different points or frame sizes.
    """
    start = _first_visible(truth.xy, truth.visible)
    if history is not None:
        if (history.count, history.size) != (truth.count, truth.size):
            raise UserError(
                f"expected history and truth of the same points, got {history.count} points on "
                f"{history.size} and {truth.count} on {truth.size}"
            )
        last_seen = _first_visible(history.xy[::-1], history.visible[::-1])
        start = _first_finite(history.xy[-1], last_seen, start)
    distance = np.linalg.norm(truth.xy - start, axis=-1)
    far = distance > MOVING_FRACTION * coords.diagonal(truth.size)  # False for NaN
    return np.asarray((far & truth.visible).any(axis=0))


def _mean_distance(
    xy: Float[np.ndarray, "t n 2"], truth: Float32[np.ndarray, "t n 2"], mask: np.ndarray
) -> float:
    if not mask.any():
        return float("nan")
    difference = xy[mask].astype(np.float64) - truth[mask]
    if not np.isfinite(difference).all():
        raise UserError(
            "expected finite forecast positions wherever the truth is visible, got some that are "
            "not; a forecast must say where every point is, seen or not"
        )
    return float(np.linalg.norm(difference, axis=-1).mean())


def _first_visible(
    xy: Float32[np.ndarray, "t n 2"], visible: Bool[np.ndarray, "t n"]
) -> Float32[np.ndarray, "n 2"]:
    """Position at each point's first visible frame, NaN where there is none."""
    first = xy[visible.argmax(axis=0), np.arange(xy.shape[1])]
    ever = np.asarray(visible.any(axis=0))
    return np.where(ever[:, None], first, np.float32(np.nan))


def _first_finite(*candidates: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, "n 2"]:
    chosen = candidates[0]
    for other in candidates[1:]:
        chosen = np.where(np.isfinite(chosen).all(-1, keepdims=True), chosen, other)
    return chosen
