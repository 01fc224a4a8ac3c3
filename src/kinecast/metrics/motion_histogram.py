"""Histograms of how the points of a grid move: the features of FVMD.

Source: FVMD (Liu et al., arXiv 2407.16124), section 3.2, with the numerics of the published tool.
"""

import math
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64

from kinecast.core.errors import UserError

FRAMES, SIDE, ANGLES = 4, 5, 8  # a cube holds 4 frames of 5 x 5 points and gives 8 numbers
LARGEST, STEPS = 255, 8  # pixels a frame that count fully, and steps of weight up to there

# How the published code of FVMD (floor_divide) and of TrajLoom (floor) finds a vector's bin. They
# differ on the border of two bins alone, where float32 vectors along an axis lie: (1, 0) is in bin
# 5 of the first, in bin 6 of the second.
Rounding = Literal["floor_divide", "floor"]


def velocity(xy: Float[np.ndarray, "*b t h w 2"]) -> Float[np.ndarray, "*b t h w 2"]:
    """Motion since the frame before, pixels a frame; 0 in the first frame."""
    v = np.zeros_like(xy)
    v[..., 1:, :, :, :] = np.diff(xy, axis=-4)
    return v


def acceleration(v: Float[np.ndarray, "*b t h w 2"]) -> Float[np.ndarray, "*b t h w 2"]:
    """Change of a `velocity` since the frame before; 0 in the first two frames."""
    a = np.zeros_like(v)
    a[..., 2:, :, :, :] = np.diff(v[..., 1:, :, :, :], axis=-4)
    return a


def moved(
    visible: Bool[np.ndarray, "*b t h w"],
) -> tuple[Bool[np.ndarray, "*b t h w"], Bool[np.ndarray, "*b t h w"]]:
    """Where velocity (seen in both frames) and acceleration (in all three) are known."""
    both, three = np.zeros_like(visible), np.zeros_like(visible)
    both[..., 1:, :, :] = visible[..., 1:, :, :] & visible[..., :-1, :, :]
    three[..., 2:, :, :] = both[..., 2:, :, :] & both[..., 1:-1, :, :]
    return both, three


def frame_histogram(
    vectors: Float[np.ndarray, "*b t h w 2"], rounding: Rounding = "floor_divide"
) -> Float64[np.ndarray, "*b t rows columns 8"]:
    """Weights of each 5 x 5 cell's vectors by direction, frame by frame.

    The angle is arctan2(x, y), 0 along +y, in 8 equal bins from -pi; a vector weighs
    ceil(log2(length + 1)) / 8, at most 1 (255 pixels), and nothing where it is 0. Points beyond the
    last whole cell are left out.

    Args:
        vectors: pixels, order xy; angles and lengths are computed in their precision, and the
            published numbers are those of float32.
        rounding: of an angle to its bin.

    Raises:
        UserError: a vector that is not finite.
    """
    if not np.isfinite(vectors).all():
        raise UserError(
            "expected finite motion, got some that is not; fill or mask points that were lost"
        )
    *batch, h, w = vectors.shape[:-1]
    rows, columns = h // SIDE, w // SIDE
    vectors = vectors[..., : rows * SIDE, : columns * SIDE, :]
    turned = np.arctan2(vectors[..., 0], vectors[..., 1]) + np.pi
    width = 2 * np.pi / ANGLES
    bins = turned // width if rounding == "floor_divide" else np.floor(turned / width)
    length = np.minimum(np.linalg.norm(vectors, axis=-1), LARGEST)
    weight = np.ceil(np.clip(np.log2(length + 1), 0, STEPS)) / STEPS

    frames = math.prod(batch)
    bins = np.clip(bins, 0, ANGLES - 1).astype(np.int64)
    bins = bins.reshape(frames, rows, SIDE, columns, SIDE)
    cell = np.arange(frames * rows * columns).reshape(frames, rows, 1, columns, 1)
    count = frames * rows * columns * ANGLES
    total = np.bincount((cell * ANGLES + bins).ravel(), weight.ravel(), minlength=count)
    return total.reshape(*batch, rows, columns, ANGLES)


def cubes(
    frames: Float64[np.ndarray, "*b t rows columns 8"],
) -> Float64[np.ndarray, "*b blocks rows columns 8"]:
    """Sums over blocks of 4 frames; frames beyond the last whole block are left out."""
    blocks = frames.shape[-4] // FRAMES
    frames = frames[..., : blocks * FRAMES, :, :, :]
    shape = (*frames.shape[:-4], blocks, FRAMES, *frames.shape[-3:])
    return frames.reshape(shape).sum(axis=-4)


def histogram(
    vectors: Float[np.ndarray, "*b t h w 2"], rounding: Rounding = "floor_divide"
) -> Float64[np.ndarray, "*b blocks rows columns 8"]:
    """`frame_histogram` summed over `cubes` of 4 frames: at most 100 in a number.

    Empty where there are fewer than 4 frames or 5 x 5 points.
    """
    return cubes(frame_histogram(vectors, rounding))
