"""TAP-Vid: how well a tracker follows points and knows when they are hidden.

Source: Doersch et al., TAP-Vid (NeurIPS 2022, Datasets and Benchmarks), section 3.3: occlusion
accuracy, position accuracy < delta_avg, average Jaccard. Distances are pixels of a 256x256 frame
(both axes rescaled); values are fractions, which papers print times 100.
"""

from typing import Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int64

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks

THRESHOLDS = (1, 2, 4, 8, 16)  # pixels of the 256x256 frame
FRAME = (256, 256)
QUERY_STRIDE = 5  # frames between the query frames of the "strided" protocol

Mode = Literal["first", "strided"]
MODES = get_args(Mode)


def tapvid(
    query_frame: Float[np.ndarray, "b n"],
    true_hidden: Bool[np.ndarray, "b n t"],
    true_xy: Float[np.ndarray, "b n t 2"],
    hidden: Bool[np.ndarray, "b n t"],
    xy: Float[np.ndarray, "b n t 2"],
    mode: Mode,
    trackwise: bool = False,
) -> dict[str, Float[np.ndarray, "b *n"]]:
    """Metrics of B videos, on positions that are already pixels of a 256x256 frame.

    Args:
        query_frame: frame (rounded) in which each point was given.
        true_hidden, hidden: occluded or outside.
        true_xy, xy: order xy.
        mode: frames that count: "first", those after the query frame; "strided", all but it.
        trackwise: one value per point instead of per video.

    Returns:
        occlusion_accuracy; pts_within_D and jaccard_D for D in 1, 2, 4, 8, 16 (distance strictly
        below D); average_pts_within_thresh (< delta_avg) and average_jaccard. NaN where nothing
        that counts is visible (for the Jaccard: neither in truth nor in prediction). A prediction
        that is not finite is near nothing.

    Raises:
        UserError: arrays of other shapes, and those of `counted`.
    """
    shape = true_hidden.shape
    counts = counted(query_frame, shape[-1], mode)
    if not (counts.shape == hidden.shape == shape and true_xy.shape == xy.shape == (*shape, 2)):
        raise UserError(
            f"expected flags and positions of the same points and frames, got queries "
            f"{query_frame.shape}, {shape} and {hidden.shape}, {true_xy.shape} and {xy.shape}"
        )
    axes = (2,) if trackwise else (1, 2)

    def total(flags: np.ndarray) -> np.ndarray:
        return (flags & counts).sum(axes)

    def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
        return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)

    seen, called = ~true_hidden, ~hidden
    everything = np.ones_like(seen)
    scores = {"occlusion_accuracy": ratio(total(hidden == true_hidden), total(everything))}
    squared = np.square(xy - true_xy).sum(-1)
    for threshold in THRESHOLDS:
        within = squared < threshold**2
        positives = total(within & seen & called)
        false = total(called & ~(seen & within))
        scores[f"pts_within_{threshold}"] = ratio(total(within & seen), total(seen))
        scores[f"jaccard_{threshold}"] = ratio(positives, total(seen) + false)
    for name, average in (
        ("pts_within", "average_pts_within_thresh"),
        ("jaccard", "average_jaccard"),
    ):
        scores[average] = np.mean([scores[f"{name}_{d}"] for d in THRESHOLDS], axis=0)
    return scores


def counted(
    query_frame: Float[np.ndarray, "*b n"], frames: int, mode: Mode
) -> Bool[np.ndarray, "*b n t"]:
    """Frames that count for each point; query frames are rounded.

    Raises:
        UserError: a query frame that is not finite, or another mode.
    """
    if mode not in MODES or not np.isfinite(query_frame).all():
        raise UserError(
            f"expected a mode of {', '.join(MODES)} and finite query frames, got {mode!r}, "
            f"{query_frame.ravel()[:4].tolist()}"
        )
    query = np.round(query_frame).astype(np.int64)[..., None]
    return np.asarray(np.arange(frames) > query if mode == "first" else np.arange(frames) != query)


def score(
    tracks: Tracks, truth: Tracks, points: Bool[np.ndarray, " n"] | None = None
) -> dict[str, float]:
    """Metrics of one clip: every frame but the query frame counts, before and after it.

    Args:
        tracks: what a tracker gave.
        truth: the same points, laid on the same frames.
        points: which of them to score; default all.

    Returns:
        `tapvid` of the two after both axes are rescaled to 256.

    Raises:
        UserError: the two hold different points, frames, sizes or query frames.
    """
    if tracks.xy.shape != truth.xy.shape or tracks.size != truth.size:
        raise UserError(
            f"expected tracks and truth of the same points, got {tracks.xy.shape} on "
            f"{tracks.size} and {truth.xy.shape} on {truth.size}"
        )
    if not (tracks.query_frame == truth.query_frame).all():
        raise UserError("expected tracks laid on the truth's query frames, got others")
    chosen = np.ones(truth.count, bool) if points is None else points
    true_xy = truth.resized(FRAME).xy.astype(np.float64).swapaxes(0, 1)[chosen]
    xy = tracks.resized(FRAME).xy.astype(np.float64).swapaxes(0, 1)[chosen]
    scores = tapvid(
        truth.query_frame[chosen][None].astype(np.float64),
        ~truth.visible.T[chosen][None],
        true_xy[None],
        ~tracks.visible.T[chosen][None],
        xy[None],
        mode="strided",
    )
    return {name: float(value[0]) for name, value in scores.items()}


def first_queries(
    true_hidden: Bool[np.ndarray, "n t"], true_xy: Float[np.ndarray, "n t 2"]
) -> tuple[Float[np.ndarray, "q 3"], Int64[np.ndarray, " q"]]:
    """Queries of the "first" protocol: each point where it is first visible.

    Returns:
        ((t, y, x) of each query, index of its point); points that are never visible are left out.
    """
    index = np.flatnonzero((~true_hidden).any(1))
    frame = np.argmin(true_hidden[index], axis=1)
    return _queries(frame, true_xy[index, frame]), index


def strided_queries(
    true_hidden: Bool[np.ndarray, "n t"],
    true_xy: Float[np.ndarray, "n t 2"],
    stride: int = QUERY_STRIDE,
) -> tuple[Float[np.ndarray, "q 3"], Int64[np.ndarray, " q"]]:
    """Queries of the "strided" protocol: every point visible in every `stride`-th frame.

    Returns:
        ((t, y, x) of each query, index of its point), frame by frame.
    """
    frame, index = np.nonzero(~true_hidden.T[::stride])
    frame = frame * stride
    return _queries(frame, true_xy[index, frame]), index


def _queries(frame: np.ndarray, xy: np.ndarray) -> Float[np.ndarray, "q 3"]:
    return np.stack([frame.astype(np.float64), xy[:, 1], xy[:, 0]], axis=-1)
