"""Motion of a grid of points a frame, and its differences between neighbours."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from kinecast.core.errors import UserError
from kinecast.core.field import Field


class Flow(NamedTuple):
    """Motion since the frame before, pixels, and where both frames know it."""

    motion: Float32[np.ndarray, "t h w 2"]
    known: Bool[np.ndarray, "t h w"]


def flow(field: Field) -> Flow:
    """Frames 1 to T - 1 of a field's motion; known where visible and finite in both frames.

    Raises:
        UserError: a single frame, or no point that is seen in two frames in a row.
    """
    known = field.visible & np.isfinite(field.xy).all(-1)
    both = known[1:] & known[:-1]
    if not both.any():
        raise UserError(
            f"expected points that are seen in two frames in a row, got none in {len(known)} "
            f"frames of {known.shape[1]} x {known.shape[2]} points"
        )
    xy = np.where(known[..., None], field.xy, np.float32(0))
    return Flow(np.diff(xy, axis=0), both)


def difference(
    motion: Flow, axis: int, stride: float
) -> tuple[Float32[np.ndarray, "t _ _ 2"], Bool[np.ndarray, "t _ _"]]:
    """Forward difference over the stride along rows (1) or columns (2), and where it is known."""
    n = motion.known.shape[axis]
    before, after = (np.take(motion.known, range(a, a + n - 1), axis) for a in (0, 1))
    return np.diff(motion.motion, axis=axis) / np.float32(stride), before & after


def frame_means(values: np.ndarray, mask: np.ndarray) -> Float64[np.ndarray, " t"]:
    """Mean over the masked cells of each frame, NaN where there is none."""
    count = mask.sum(axis=(1, 2))
    total = np.where(mask, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def mean_power(field: Field, power: int) -> float:
    """Mean over points and frames of the speed (1) or its square (2), pixels a frame.

    Raises:
        UserError: as `flow`.
    """
    motion, known = flow(field)
    speed = np.linalg.norm(motion.astype(np.float64), axis=-1)
    return float((speed[known] ** power).mean())
