"""Tracks of another number of frames, for forecasts and truths that differ in it.

Source: ZipMo (arXiv 2604.11737), the released evaluation.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def same_length(
    forecast: Float[Tensor, "k n t 2"], truth: Float[Tensor, "n s 2"]
) -> tuple[Float[Tensor, "k n f 2"], Float[Tensor, "n f 2"]]:
    """Both in the frames of the shorter one; the longer one is interpolated linearly in time."""
    T = min(forecast.shape[2], truth.shape[1])
    return resampled(forecast, T), resampled(truth[None], T)[0]


def resampled(tracks: Float[Tensor, "k n t 2"], frames: int) -> Float[Tensor, "k n f 2"]:
    """Tracks at the centres of `frames` equal parts of their time."""
    if tracks.shape[2] == frames:
        return tracks
    series = tracks.transpose(2, 3).flatten(0, 1)
    series = F.interpolate(series, frames, mode="linear", align_corners=False)
    return series.unflatten(0, tracks.shape[:2]).transpose(2, 3)
