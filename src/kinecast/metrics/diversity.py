"""How much K forecasts differ from each other. A still forecast has no diversity.

Forecasts of another number of frames than the truth are brought to it first (`resample`).

Source: ZipMo (arXiv 2604.11737), the released evaluation.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.metrics.sample_mse import FRAME


def deviation(forecast: Float[Tensor, "k n t 2"], frame: Size = FRAME) -> Float[Tensor, ""]:
    """Mean standard deviation (over K - 1) of a coordinate among samples, pixels of `frame`.

    Raises:
        UserError: fewer than 2 samples, or positions that are not finite.
    """
    if len(forecast) < 2:
        raise UserError(f"expected at least 2 samples to differ, got {len(forecast)}")
    return _pixels(forecast, frame).std(0).mean()


def pairwise_distance(forecast: Float[Tensor, "k n t 2"], frame: Size = FRAME) -> Float[Tensor, ""]:
    """Mean distance of two samples as points of N T 2 dimensions, each with itself included.

    Pixels of `frame` times sqrt(N T): compare at equal N, T and K.

    Raises:
        UserError: no samples, or positions that are not finite.
    """
    flat = _pixels(forecast, frame).flatten(1)
    exact = "donot_use_mm_for_euclid_dist"
    return torch.cdist(flat, flat, compute_mode=exact).mean()


def _pixels(forecast: Tensor, frame: Size) -> Tensor:
    if not forecast.numel() or not forecast.isfinite().all():
        raise UserError(
            f"expected finite samples (K, N, T, 2), got {tuple(forecast.shape)} or some not finite"
        )
    return coords.denormalise(forecast.double(), frame)
