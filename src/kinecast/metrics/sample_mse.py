"""MeanT, Mean and Min MSE: squared errors of K forecasts of N tracks against one truth.

Min falls as K grows; where little moves, a still forecast has a low Min and Mean.

Source: ATM's LIBERO protocol as ZipMo's evaluation computes it (arXiv 2604.11737, section 4).
Positions are normalised to [-1, 1], errors in pixels of a 128 x 128 frame, also for tracks that
leave it. All frames count, the first one too; of several clips, the mean of their values.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.metrics.resample import same_length

FRAME = (128, 128)


class Best(NamedTuple):
    """The best sample, one choice for all points: its error, and its index (first of ties)."""

    error: Float[Tensor, ""]
    sample: int


@dataclass(frozen=True)
class Errors:
    """Mean error over points, frames and both coordinates.

    Attributes:
        mean_track: of the samples' mean (MeanT).
        mean: averaged over samples (Mean).
        best: of the sample with the lowest (Min).
    """

    mean_track: Float[Tensor, ""]
    mean: Float[Tensor, ""]
    best: Best


def sample_errors(
    forecast: Float[Tensor, "k n t 2"],
    truth: Float[Tensor, "n s 2"],
    *,
    power: int = 2,
    relative: bool = False,
    frame: Size = FRAME,
) -> Errors:
    """Mean squared errors (power 2) or absolute ones (power 1).

    Args:
        forecast: of another number of frames than the truth, the longer one is resampled.
        truth: the tracks that came.
        power: of a difference of coordinates.
        relative: divide differences by the length of the track's true path in pixels, plus 1.
        frame: pixels along the first and the second coordinate: (H, W) for ZipMo's order yx.

    Raises:
        UserError: no sample or frame, other points, or positions that are not finite.
    """
    if not forecast.numel() or not truth.numel() or forecast.shape[1] != truth.shape[0]:
        raise UserError(
            f"expected forecasts (K, N, T, 2) of the truth's points, got {tuple(forecast.shape)} "
            f"and {tuple(truth.shape)}"
        )
    if not (forecast.isfinite().all() and truth.isfinite().all()):
        raise UserError(
            "expected finite positions, got some that are not; fill what a tracker lost "
            "(metrics/lost.py)"
        )
    forecast, truth = (coords.denormalise(x.double(), frame) for x in same_length(forecast, truth))
    unit = torch.ones_like(truth[:, :1, :1])
    if relative:
        steps = torch.linalg.vector_norm(truth.diff(dim=1), dim=-1)
        unit = 1 + steps.sum(1)[:, None, None]

    def error(tracks: Tensor) -> Tensor:
        return ((tracks - truth) / unit).abs().pow(power).mean(dim=(-3, -2, -1))

    each = error(forecast)
    best = int(each.argmin())
    return Errors(error(forecast.mean(0)), each.mean(), Best(each[best], best))
