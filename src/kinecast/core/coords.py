"""The coordinate rule: the only file that may scale coordinates.

x right, y down, order xy, float pixels of `size = (W, H)`, edge-aligned: the top-left corner of the
top-left pixel is (0, 0), pixel centres are at +0.5, the far corner is (W, H).
Normalised = 2 * xy / size - 1, which is `grid_sample(align_corners=False)`.

Every function takes NumPy arrays or torch tensors whose last axis is xy, and returns the same kind.
"""

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kinecast.core.errors import UserError

Size = tuple[int, int]
REFERENCE_SIZE: Size = (832, 480)  # the published frame
Points = TypeVar("Points", NDArray[np.float32], NDArray[np.float64], Tensor)


def check_size(size: Size) -> Size:
    """Return (W, H) as two positive ints.

    Raises:
        UserError: anything else.
    """
    if len(size) != 2 or any(int(s) != s or s < 1 for s in size):
        raise UserError(f"expected size = (W, H), two whole pixels counts >= 1, got {size!r}")
    return int(size[0]), int(size[1])


def normalise(xy: Points, size: Size) -> Points:
    """Pixels (..., 2) of a (W, H) frame -> [-1, 1] inside the frame (edge-aligned)."""
    return 2.0 * xy / _like(size, xy) - 1.0


def denormalise(xy: Points, size: Size) -> Points:
    """[-1, 1] (..., 2) -> pixels of a (W, H) frame; the inverse of `normalise`."""
    return (xy + 1.0) * 0.5 * _like(size, xy)


def resize(xy: Points, source: Size, target: Size) -> Points:
    """The same points (..., 2) after the frame is resized from `source` to `target` (W, H)."""
    return xy * (_like(target, xy) / _like(source, xy))


def displacement_to_normalised(xy: Points, size: Size) -> Points:
    """Differences of pixels (..., 2) -> differences of normalised coordinates."""
    return 2.0 * xy / _like(size, xy)


def displacement_to_pixels(xy: Points, size: Size) -> Points:
    """Differences of normalised coordinates (..., 2) -> differences of pixels."""
    return 0.5 * xy * _like(size, xy)


def displacement_to_reference(xy: Points, size: Size) -> Points:
    """Differences of normalised coordinates -> isotropic reference pixels.

    Reference pixels are pixels of a frame of the same shape with the area of 832x480, so that a
    network sees the same motion whatever the resolution, and x and y on one scale.
    """
    return displacement_to_pixels(xy, size) * _reference_scale(size)


def displacement_from_reference(xy: Points, size: Size) -> Points:
    """Isotropic reference pixels -> differences of normalised coordinates."""
    return displacement_to_normalised(xy, size) / _reference_scale(size)


def from_pixel_centres(xy: Points) -> Points:
    """Points whose integers are pixel centres (OpenCV, CoTracker, AllTracker) -> the rule."""
    return xy + 0.5


def to_pixel_centres(xy: Points) -> Points:
    """The rule -> points whose integers are pixel centres (OpenCV, CoTracker, AllTracker)."""
    return xy - 0.5


def inside(xy: Points, size: Size) -> Any:
    """True where a point (..., 2) lies in [0, W) x [0, H); False where it is not finite."""
    ok = (xy >= 0) & (xy < _like(size, xy))  # comparisons with NaN are False
    return ok[..., 0] & ok[..., 1]


def diagonal(size: Size) -> float:
    """Length of the frame's diagonal in pixels."""
    return float(np.hypot(size[0], size[1]))


def _reference_scale(size: Size) -> float:
    return float(np.sqrt(REFERENCE_SIZE[0] * REFERENCE_SIZE[1] / (size[0] * size[1])))


def _like(size: Size, xy: Points) -> Points:
    if isinstance(xy, Tensor):
        return torch.tensor(size, dtype=xy.dtype, device=xy.device)
    return np.asarray(size, dtype=xy.dtype)
