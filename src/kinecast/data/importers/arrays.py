"""Arrays of published files, checked as they are read."""

import numpy as np
from jaxtyping import Bool

from kinecast.core.errors import UserError
from kinecast.io.webdataset import Sample


def flags(array: np.ndarray, shape: tuple[int, ...], where: str) -> Bool[np.ndarray, "t n"]:
    """0-1 flags of points.

    Raises:
        UserError: another shape, or other values.
    """
    if array.shape == (*shape, 1):
        array = array[..., 0]
    if array.shape != shape or array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise UserError(
            f"expected 0 or 1 for each frame and point {shape} in {where}, "
            f"got {array.dtype} {array.shape}"
        )
    return array.astype(bool)


def point_array(sample: Sample, part: str, T: int) -> np.ndarray:
    """The (T, N, 2) floats of a part.

    Raises:
        UserError: another shape, or another number of frames than the video has.
    """
    array = sample.array(part)
    if array.ndim != 3 or array.shape[2] != 2 or array.dtype.kind != "f":
        raise UserError(
            f"expected floats (T, N, 2) in {sample.where(part)}, got {array.dtype} {array.shape}"
        )
    if len(array) != T:
        raise UserError(
            f"expected {T} frames, as the video has, in {sample.where(part)} (T, N, 2), "
            f"got {array.shape}; are its axes in another order, or is the video truncated?"
        )
    return array
