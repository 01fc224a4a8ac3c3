"""What a validation shows: futures over their past, errors over the horizon, latents."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from kinecast.core.tracks import Tracks
from kinecast.viz import chart
from kinecast.viz.blank import blank_video
from kinecast.viz.still import still

SMALLEST = 320  # pixels: narrower frames are drawn larger
_LATENTS = 200_000  # of which a histogram is drawn at most


def overlay(history: Tracks, futures: Sequence[Tracks]) -> np.ndarray:
    """The fan of futures over the tails of the past, on a dark frame; RGB (H, W, 3)."""
    factor = max(1, -(-SMALLEST // history.size[0]))
    W, H = history.size
    size = (factor * W, factor * H)
    past, *fan = (tracks.resized(size) for tracks in (history, *futures))
    return still(blank_video(size, len(past)), past, fan, at=len(past))


def over_horizon(
    truth: Tracks, guesses: Mapping[str, Float[np.ndarray, "t n 2"]]
) -> dict[str, Float[np.ndarray, " t"]]:
    """Mean pixels between each guess and the truth, of the points seen in each future frame."""
    return {name: frame_errors(xy, truth.xy, truth.visible) for name, xy in guesses.items()}


def frame_errors(
    xy: Float[np.ndarray, "t *points 2"],
    truth: Float[np.ndarray, "t *points 2"],
    visible: Float[np.ndarray, "t *points"],
) -> Float[np.ndarray, " t"]:
    """Mean distance of each frame over visible points; NaN where there are none."""
    distance = np.linalg.norm(xy - truth, axis=-1).reshape(len(truth), -1)
    seen = visible.reshape(len(truth), -1)
    with np.errstate(invalid="ignore"):
        return (distance * seen).sum(1) / np.where(seen.any(1), seen.sum(1), np.nan)


def horizon_chart(title: str, errors: Mapping[str, Float[np.ndarray, " t"]]) -> np.ndarray:
    """Pixels over frames; the model's curve first."""
    lines = {name: (np.arange(1, len(e) + 1), e) for name, e in errors.items()}
    return chart.curves(title, lines, "future frame", "pixels")


def latent_chart(title: str, latents: Mapping[str, Tensor]) -> np.ndarray:
    """Densities of latents."""
    values = {
        name: z.detach().float().flatten()[:: max(1, z.numel() // _LATENTS)].cpu().numpy()
        for name, z in latents.items()
    }
    return chart.histogram(title, values, "latent")
