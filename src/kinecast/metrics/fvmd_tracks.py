"""FVMD of tracks that are given, on a rectangular grid, cut into windows and masked.

Motion across a window's start is not scored: the velocity of its first frame is 0.

Source: TrajLoom (arXiv 2603.22606), section 4 (FVMD and FVMD-Long), and its evaluation code.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float32, Float64

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.fvmd import FVMD, Features, distance
from kinecast.metrics.motion_histogram import (
    acceleration,
    cubes,
    frame_histogram,
    moved,
    velocity,
)

LENGTH, STRIDE = 16, 1  # of the paper; its script starts a window every 15 frames by default


def fvmd_tracks(
    pairs: Iterable[tuple[Field, Field]], length: int | None = LENGTH, stride: int = STRIDE
) -> FVMD:
    """FVMD of the windows of all (forecast, truth) pairs.

    Both are masked by what is visible in the truth: a velocity counts where its point is seen in
    both frames, an acceleration in all three. Without a mask, pass fields that are visible
    everywhere.

    Args:
        pairs: one a video, of one grid.
        length: frames of a window; None, or as many as the video has or more: the whole video.
        stride: frames between the starts of windows.

    Raises:
        UserError: fewer than 2 windows in all, windows or grids that differ, too few frames or
            points for a histogram, a pair of other shapes, a forecast that is not finite (hidden
            or not, as in the published code) or a truth that is not where it is visible.
    """
    forecasts, truths = [], []
    for forecast, truth in pairs:
        if (forecast.xy.shape, forecast.size) != (truth.xy.shape, truth.size):
            raise UserError(
                f"expected forecast and truth of one shape and size, got {forecast.xy.shape} on "
                f"{forecast.size} and {truth.xy.shape} on {truth.size}"
            )
        if not np.isfinite(forecast.xy).all():
            raise UserError(
                "expected a forecast that is finite everywhere, seen or not, got one that is not; "
                "fill points that a tracker lost (metrics/lost.py)"
            )
        forecasts.append(windows(forecast.xy, truth.visible, length, stride))
        truths.append(windows(truth.xy, truth.visible, length, stride))
    return distance(_joined(forecasts), _joined(truths))


def windows(
    xy: Float32[np.ndarray, "t h w 2"],
    visible: Bool[np.ndarray, "t h w"],
    length: int | None = LENGTH,
    stride: int = STRIDE,
) -> Features:
    """Motion histograms of a video's windows, in time order.

    Raises:
        UserError: length or stride below 1, or a visible position that is not finite.
    """
    T = len(xy)
    if stride < 1 or (length is not None and length < 1):
        raise UserError(f"expected length and stride >= 1, got {length} and {stride}")
    length = T if length is None else min(length, T)
    v = velocity(np.where(visible[..., None], xy, np.float32(0)))
    a = acceleration(v)
    known = moved(visible)
    starts = range(0, T - length + 1, stride)
    flat = []
    for vectors, mask, still in zip((v, a), known, (1, 2), strict=True):
        frames = frame_histogram(np.where(mask[..., None], vectors, np.float32(0)), "floor")
        cut = np.stack([frames[start : start + length] for start in starts])
        cut[:, :still] = 0  # a window knows nothing of the frames before it
        flat.append(cubes(cut).reshape(len(starts), -1))
    return Features(*flat)


def _joined(videos: list[Features]) -> Features:
    widths = {video.velocity.shape[1] for video in videos}
    if len(widths) != 1:
        raise UserError(
            f"expected videos of one grid and window length, got {len(widths)} sizes of features"
        )
    return Features(_rows([v.velocity for v in videos]), _rows([v.acceleration for v in videos]))


def _rows(parts: list[Float64[np.ndarray, "_ d"]]) -> Float64[np.ndarray, "n d"]:
    return np.concatenate(parts)
