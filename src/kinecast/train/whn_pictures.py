"""What a validation of WHN shows: futures on the picture, errors over the horizon."""

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.train.image_item import ImageItem
from kinecast.train.pictures import frame_errors, horizon_chart
from kinecast.train.zipmo_pictures import fan


def pictures_of(
    item: ImageItem,
    name: str,
    futures: Float[np.ndarray, "k t n 2"],
    trivial: Mapping[str, Float[np.ndarray, "j t n 2"]],
) -> dict[str, np.ndarray]:
    """Of the item's first clip, RGB (H, W, 3) by name; futures in pixels, the first frame too."""
    truth = item.xy[0, 0].cpu().numpy()
    seen = np.ones(truth.shape[:2], bool)
    guesses = {"model": futures, **trivial}
    errors = {
        what: np.mean([frame_errors(xy[1:], truth[1:], seen[1:]) for xy in guess], axis=0)
        for what, guess in guesses.items()
    }
    start, paths = (_yx(xy, item) for xy in (truth[0], futures.swapaxes(1, 2)))
    return {
        name: fan(item, start, paths),
        "error_over_horizon": horizon_chart("a held-out clip, mean over samples", errors),
    }


def _yx(xy: Float[np.ndarray, "*rows 2"], item: ImageItem) -> Float[Tensor, "*rows 2"]:
    return coords.normalise(torch.from_numpy(xy), item.size).flip(-1)
