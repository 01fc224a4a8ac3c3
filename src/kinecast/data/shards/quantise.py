"""Positions as whole steps of 1/512 pixel, point after point, so that neighbours in time meet.

Stored as int32 and delta-coded by Parquet itself (DELTA_BINARY_PACKED), they need no codec of our
own: any reader of Parquet gets pixels as value / 512.
"""

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8

from kinecast.core.errors import UserError

STEPS = 512  # a pixel
LARGEST_ERROR = 1 / (2 * STEPS)  # pixels
FARTHEST = 2.0**21  # pixels; beyond it a hidden point is nowhere


def to_steps(
    xy: Float32[np.ndarray, "t n 2"], visible: Bool[np.ndarray, "t n"]
) -> tuple[Int32[np.ndarray, "n 2 t"], Bool[np.ndarray, "n 2 t"]]:
    """Pixels -> the nearest steps, and which of them are nowhere (not finite, or too far).

    Raises:
        UserError: a visible point farther than 2**21 pixels from the frame.
    """
    series = xy.transpose(1, 2, 0).astype(np.float64)
    nowhere = ~(np.abs(series) <= FARTHEST)  # NaN compares False
    if (nowhere.any(1) & visible.T).any():
        raise UserError(
            f"expected visible points within {FARTHEST:.0f} pixels, got one beyond; "
            "mark it as not visible"
        )
    steps = np.rint(np.where(nowhere, 0.0, series) * STEPS).astype(np.int32)
    return steps, nowhere


def to_pixels(steps: np.ndarray, frames: int, points: int) -> Float32[np.ndarray, "t n 2"]:
    """Steps (N * 2 * T), NaN where nowhere -> pixels; the inverse of `to_steps`."""
    series = steps.reshape(points, 2, frames).transpose(2, 0, 1)
    xy = np.empty(series.shape, np.float32)
    # exact: below 2**15 pixels every step is a float32, above it every float32 is whole steps
    np.multiply(series, 1 / STEPS, out=xy, casting="unsafe", dtype=np.float64)
    return xy


def to_bytes(confidence: Float32[np.ndarray, "t n"]) -> UInt8[np.ndarray, "n t"]:
    """Confidence in [0, 1] -> the nearest of 256 levels (error at most 1/510).

    Raises:
        UserError: a confidence outside [0, 1] or not a number.
    """
    levels = np.rint(confidence.T.astype(np.float64) * 255)
    if not ((levels >= 0) & (levels <= 255)).all():
        raise UserError("expected confidence from 0 to 1, got one outside or not a number")
    return levels.astype(np.uint8)


def to_confidence(
    levels: UInt8[np.ndarray, " nt"], frames: int, points: int
) -> Float32[np.ndarray, "t n"]:
    """The inverse of `to_bytes`."""
    return np.ascontiguousarray(levels.reshape(points, frames).T) / np.float32(255)
