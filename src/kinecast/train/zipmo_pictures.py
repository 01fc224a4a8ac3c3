"""What a validation of ZipMo shows: futures on the picture, errors over the horizon, latents."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.io.image import resize_image
from kinecast.train.image_item import ImageItem
from kinecast.train.pictures import SMALLEST, horizon_chart
from kinecast.train.zipmo_clips import Yx
from kinecast.train.zipmo_score import pixels_apart
from kinecast.viz.still import still


def fan(
    item: ImageItem, starts: Float[Tensor, "n 2"], futures: Float[Tensor, "k n t 2"]
) -> np.ndarray:
    """Futures of the first clip's first view on its picture; RGB (H, W, 3).

    Args:
        item: the clip.
        starts: (y, x) of the points.
        futures: (y, x), the first frame included.
    """
    factor = max(1, -(-SMALLEST // item.size[0]))
    size = (factor * item.size[0], factor * item.size[1])
    picture = resize_image(item.pixels[0, 0].cpu().numpy(), size)

    def tracks(yx: Float[Tensor, "t n 2"]) -> Tracks:
        xy = coords.denormalise(yx.flip(-1).float().cpu(), size).numpy()
        return Tracks(xy, np.ones(xy.shape[:2], bool), size)

    samples = [tracks(future.transpose(0, 1)[1:]) for future in futures]
    return still(Video(ArraySource(picture[None], None), ""), tracks(starts[None]), samples, at=1)


def errors_chart(title: str, truth: Yx, guesses: Mapping[str, Yx], item: ImageItem) -> np.ndarray:
    """Mean distance of each guess in each frame after the first."""
    errors = {
        name: pixels_apart(guess, truth, item.size)[..., 1:].mean((0, 1)).cpu().numpy()
        for name, guess in guesses.items()
    }
    return horizon_chart(title, errors)


def normal_like(z: Tensor) -> Tensor:
    """Standard normal numbers, as many as latents: what a flow starts from."""
    return torch.randn(z.shape, generator=torch.Generator().manual_seed(0))
