"""Which clips WHN counts, and the trivial forecasts that stand beside it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips

REACH = 1.5  # frames: the published filter is |coordinate| <= 384 pixels of a 256 x 256 frame
AT_ONCE = 32  # clips

Window = Float[Tensor, "t n 2"]


def usable(item: ImageItem) -> Bool[Tensor, " b"]:
    """Clips that count: no coordinate is farther from 0 than 1.5 sides of the frame.

    Source: WHN's data preparation of Kubric and Physion; others have no clip that goes so far.
    """
    limit = REACH * torch.tensor(item.size, device=item.xy.device)
    inside: Tensor = (item.xy[:, 0].abs() <= limit).flatten(1).all(1)
    return inside


@dataclass(frozen=True, eq=False)
class Trivial:
    """Forecasts that know the training clips but not the image.

    Attributes:
        mean: displacement of each grid point, averaged over training clips; pixels.
        some: displacements of K training clips: guesses as varied as K samples.
    """

    mean: Float[Tensor, "t n 2"]
    some: Float[Tensor, "k t n 2"]

    @classmethod
    def of(cls, pool: ImageClips, samples: int) -> "Trivial":
        """Of the clips of the pool's first chunk."""
        total, count = torch.zeros(()), 0
        some: list[Tensor] = []
        for start in range(0, pool.clips_of_one_size, AT_ONCE):
            stop = min(start + AT_ONCE, pool.clips_of_one_size)
            item = pool.take(0, torch.arange(start, stop))
            xy = item.xy[usable(item), 0].cpu()
            moved = xy - xy[:, :1]
            total = total + moved.double().sum(0)
            some.append(moved[: max(0, samples - count)])
            count += len(moved)
        return cls((total / max(count, 1)).float(), torch.cat(some))

    def forecasts(self, start: Float[Tensor, "n 2"]) -> dict[str, Float[np.ndarray, "k t n 2"]]:
        """Name -> futures of one clip, pixels, with the first frame; one or K of them."""
        futures = {
            "predict the mean": start + self.mean[None],
            "stay": start.expand(1, *self.mean.shape),
            f"{len(self.some)} training clips": start + self.some,
        }
        return {name: xy.numpy() for name, xy in futures.items()}
