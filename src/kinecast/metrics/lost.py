"""Tracks that a tracker lost (positions that are not finite), made whole for scoring.

Filling is a choice that costs: ZipMo notes that it raises the errors of video models by a quarter.

Source: ZipMo (arXiv 2604.11737), the released evaluation.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def filled(
    forecast: Float[Tensor, "k n t 2"], truth: Float[Tensor, "n t 2"]
) -> Float[Tensor, "k n t 2"]:
    """Tracks that a tracker lost stay where they were last; lost at first, they start as in truth.

    A position counts as lost where one of its coordinates is not finite.
    """
    known = forecast.isfinite().all(-1)
    tracks = forecast.clone()
    tracks[:, :, 0] = torch.where(known[:, :, :1], forecast[:, :, 0], truth[:, 0])
    known[:, :, 0] = True
    frame = torch.arange(known.shape[2], device=known.device)
    last = torch.where(known, frame, 0).cummax(dim=2).values
    return tracks.gather(2, last[..., None].expand_as(tracks))
