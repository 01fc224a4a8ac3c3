"""FVMD: how far the motion of generated clips is from that of reference clips, as sets.

Lower is better. The value depends on resolution, frame rate, grid, clip length and the number of
clips (the distance of two halves of one data set is far from 0): compare within one setting, beside
a split of the truth.

Source: FVMD (Liu et al., arXiv 2407.16124), sections 3.2 and 3.3, and its published tool.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError
from kinecast.metrics.frechet import frechet
from kinecast.metrics.motion_histogram import Rounding, acceleration, histogram, velocity


class Features(NamedTuple):
    """Flattened histograms (time, row, column, angle) of n clips."""

    velocity: Float64[np.ndarray, "n d"]
    acceleration: Float64[np.ndarray, "n d"]

    @property
    def combined(self) -> Float64[np.ndarray, "n 2*d"]:
        """Velocity, then acceleration."""
        return np.concatenate([self.velocity, self.acceleration], axis=1)


class FVMD(NamedTuple):
    """Frechet distances of velocity, of acceleration and of both; `combined` is the published one.

    Squared units of weighted counts, no pixels; equal sets give slightly less than 0.
    """

    velocity: float
    acceleration: float
    combined: float


def fvmd(
    generated: Float[np.ndarray, "m t n 2"],
    reference: Float[np.ndarray, "k t n 2"],
    rounding: Rounding = "floor_divide",
) -> FVMD:
    """FVMD of two sets of clips, each of points laid on a square grid.

    Args:
        generated, reference: pixels xy (the published setting: 16 frames of 20 x 20 points from
            (8, 8) to (248, 248), row by row, on a 256 x 256 frame); float32 for the published bins.
        rounding: as the published tool; see `motion_histogram`.

    Raises:
        UserError: no square number of points, fewer than 2 clips, 4 frames or 25 points, sets of
            other frames or points, or positions that are not finite.
    """
    return distance(features(generated, rounding), features(reference, rounding))


def features(clips: Float[np.ndarray, "m t n 2"], rounding: Rounding = "floor_divide") -> Features:
    """Motion histograms of clips of square grids.

    Raises:
        UserError: no square number of points, or positions that are not finite.
    """
    side = math.isqrt(clips.shape[2])
    if side**2 != clips.shape[2]:
        raise UserError(
            f"expected points on a square grid, got {clips.shape[2]}; "
            "for other grids use fvmd_tracks"
        )
    v = velocity(clips.reshape(*clips.shape[:2], side, side, 2))
    flat = [histogram(x, rounding) for x in (v, acceleration(v))]
    return Features(*(x.reshape(len(clips), math.prod(x.shape[1:])) for x in flat))


def distance(a: Features, b: Features) -> FVMD:
    """Frechet distances of two sets of features.

    Raises:
        UserError: fewer than 2 clips, no features, or other ones.
    """
    return FVMD(
        velocity=frechet(a.velocity, b.velocity).distance,
        acceleration=frechet(a.acceleration, b.acceleration).distance,
        combined=frechet(a.combined, b.combined).distance,
    )
