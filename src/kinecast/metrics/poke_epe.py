"""EPE at pokes: how exactly poked tracks end where they were told to.

Source: ZipMo (arXiv 2604.11737), section 4 and the released evaluation. A still forecast is off by
the length of the pokes.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.metrics.resample import same_length
from kinecast.metrics.sample_mse import FRAME


def poke_epe(
    forecast: Float[Tensor, "k n t 2"],
    truth: Float[Tensor, "n s 2"],
    pokes: int,
    frame: Size = FRAME,
) -> Float[Tensor, ""]:
    """Mean distance, pixels of `frame`, of the first `pokes` tracks in the last frame.

    Args:
        forecast, truth: normalised to [-1, 1]; where one has more frames it is resampled to the
            other, and its last frame is no longer the very last.
        pokes: how many of the tracks were poked, the first ones.
        frame: pixels along the first and the second coordinate.

    Raises:
        UserError: no poke, sample or frame, more pokes than tracks, or an end that is not finite.
    """
    if not 1 <= pokes <= truth.shape[0] or not (forecast.numel() and truth.numel()):
        raise UserError(
            f"expected 1 to {truth.shape[0]} pokes, samples and frames, got {pokes} of "
            f"{tuple(forecast.shape)} and {tuple(truth.shape)}"
        )
    forecast, truth = same_length(forecast.double(), truth.double())
    ours = coords.denormalise(forecast[:, :pokes, -1], frame)
    theirs = coords.denormalise(truth[:pokes, -1], frame)
    error = torch.linalg.vector_norm(ours - theirs, dim=-1).mean()
    if not error.isfinite():
        raise UserError("expected finite ends of poked tracks, got some that are not")
    return error
