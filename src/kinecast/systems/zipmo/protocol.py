"""The open-set evaluation of ZipMo: K forecasts of N tracks against one truth.

Source: ZipMo, section 4 and the released evaluation; the errors follow ATM's LIBERO protocol.
Positions are normalised to [-1, 1] (either order of y and x gives the same), errors are in pixels
of a 128 x 128 frame, also for tracks that leave it. All frames count, the first one too.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords

FRAME = (128, 128)


class Best(NamedTuple):
    """The best sample, one choice for all points: its error, and its index (first of ties)."""

    error: Float[Tensor, ""]
    sample: int


@dataclass(frozen=True)
class Errors:
    """Mean error over points, frames and both coordinates.

    Attributes:
        mean_track: of the samples' mean.
        mean: averaged over samples.
        best: of the sample with the lowest.
    """

    mean_track: Float[Tensor, ""]
    mean: Float[Tensor, ""]
    best: Best


def errors(
    forecast: Float[Tensor, "k n t 2"],
    truth: Float[Tensor, "n s 2"],
    *,
    power: int = 2,
    relative: bool = False,
) -> Errors:
    """Mean squared errors (power 2) or absolute ones (power 1).

    Args:
        forecast: of another number of frames than the truth, the longer one is resampled.
        truth: the tracks that came.
        power: of a difference of coordinates.
        relative: divide differences by the length of the track's true path in pixels, plus 1.
    """
    forecast, truth = _pixels(*same_length(forecast, truth))
    unit = torch.ones_like(truth[:, :1, :1])
    if relative:
        steps = torch.linalg.vector_norm(truth.diff(dim=1), dim=-1)
        unit = 1 + steps.sum(1)[:, None, None]

    def error(tracks: Tensor) -> Tensor:
        return ((tracks - truth) / unit).abs().pow(power).mean(dim=(-3, -2, -1))

    each = error(forecast)
    best = int(each.argmin())
    return Errors(error(forecast.mean(0)), each.mean(), Best(each[best], best))


def endpoint_error(
    forecast: Float[Tensor, "k n t 2"], truth: Float[Tensor, "n s 2"], pokes: int
) -> Float[Tensor, ""]:
    """Mean distance of the first `pokes` tracks, those that were poked, in the last frame."""
    ours, theirs = _pixels(forecast[:, :pokes, -1], truth[:pokes, -1])
    return torch.linalg.vector_norm(ours - theirs, dim=-1).mean()


def deviation(forecast: Float[Tensor, "k n t 2"]) -> Float[Tensor, ""]:
    """Mean standard deviation (unbiased) of a coordinate among samples."""
    return coords.denormalise(forecast.double(), FRAME).std(0).mean()


def pairwise_distance(forecast: Float[Tensor, "k n t 2"]) -> Float[Tensor, ""]:
    """Mean distance of two samples as points of N T 2 dimensions, each with itself included."""
    flat = coords.denormalise(forecast.double(), FRAME).flatten(1)
    return torch.linalg.vector_norm(flat[:, None] - flat[None], dim=-1).mean()


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


def _pixels(*tracks: Tensor) -> list[Tensor]:
    return [coords.denormalise(x.double(), FRAME) for x in tracks]
