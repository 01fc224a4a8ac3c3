"""The latents that WHN's denoiser is trained on: posteriors, of which each step takes a sample."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.systems.base import Posterior
from kinecast.systems.whn.system import WHN
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.latents import LatentCache, Latents


@dataclass(frozen=True, eq=False)
class WindowLatents(Latents):
    """Mean and deviation of a window's posterior, and of the frame that a forecast is given."""

    mean: Float[Tensor, "b t h w c"]
    scale: Float[Tensor, "b t h w c"]
    first_mean: Float[Tensor, "b 1 h w c"]
    first_scale: Float[Tensor, "b 1 h w c"]

    def window(self) -> Posterior:
        """Of all frames."""
        return Posterior(self.mean, self.scale)

    def first(self) -> Posterior:
        """Of the grid at rest: the first frame that samples start from."""
        return Posterior(self.first_mean, self.first_scale)


@dataclass(frozen=True, eq=False)
class EncodedItem:
    """Clips and their latents."""

    clips: ImageItem
    latents: WindowLatents

    def __len__(self) -> int:
        return len(self.clips)

    def to(self, device: torch.device) -> "EncodedItem":
        """The same on a device."""
        return EncodedItem(self.clips.to(device), self.latents.to(device))

    def rows(self, which: slice) -> "EncodedItem":
        """Some of the clips."""
        return EncodedItem(self.clips.rows(which), self.latents.rows(which))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {**self.clips.tensors(), **self.latents.tensors()}


def latent_cache(system: WHN, pool: ImageClips, device: torch.device) -> LatentCache[WindowLatents]:
    """Latents of the pool, by the system's VAE, kept beside the clips, which nothing augments."""

    def encode(number: int, which: int, clips: Tensor, draw: torch.Generator) -> WindowLatents:
        return latents_of(system, pool.take(number, clips).to(device))

    assert system.vae is not None
    weights = {**system.vae.state_dict(), "scale": system.scale}
    folder = pool.home / "latents" / pool.eye  # the VAE sees the image's tokens too
    return LatentCache(pool, encode, WindowLatents, weights, folder, alike=pool.data.reuse)


@torch.no_grad()
def latents_of(system: WHN, item: ImageItem) -> WindowLatents:
    """Posteriors in units of the latents' scale.

    The denoiser, which may be split over processes, has no part in them.
    """
    cond = system.held(item.images())
    window, first = system.encode(item.field(), cond), cond["first"]
    return WindowLatents(window.mean, window.scale, first.mean, first.scale)
