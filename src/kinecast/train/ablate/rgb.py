"""WHN's modality, changed: the same denoiser makes latents of frames; motion is tracked in them.

Source: WHN, section 4.3 and table 6. What stands for a pretrained video VAE is the best linear
codec of the training clips' patches (principal components): it reconstructs, which is reported, and
needs no weights. As there, the two arms differ in nothing but what is generated.
"""

from dataclasses import replace

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

from kinecast.core import coords
from kinecast.core.video import ArraySource, Video
from kinecast.data.layers import FPS
from kinecast.data.track import track
from kinecast.forecast.guess import fill_hidden
from kinecast.systems.base import Cond, ImageBatch, Posterior
from kinecast.systems.whn.config import DenoiserConfig
from kinecast.systems.whn.denoiser import Denoiser
from kinecast.systems.whn.system import WHN
from kinecast.train.recipe import ImageData
from kinecast.train.supervision import scene_of, video_of
from kinecast.train.whn_network import WHNModel, whn_config

CHANNELS = 16

Frames = UInt8[Tensor, "b t H W 3"]
Latents = Float[Tensor, "b t h w c"]


class RGBWHN(WHN):
    """A WHN whose latents are of frames: it forecasts a video, and tracks the points in it.

    There are as many latents as points: one for each square of frame between them.
    """

    def __init__(self, model: WHNModel, data: ImageData) -> None:
        points = whn_config(model, data, latent=False)
        super().__init__(points)
        (W, H), self._patch = data.size, round(data.stride)
        latent: DenoiserConfig = replace(
            points.denoiser,
            grid=(H // self._patch, W // self._patch),
            channels=CHANNELS,
            point_width=None,
        )
        self.denoiser = Denoiser(latent)
        self._shape = (latent.frames, *latent.grid, latent.channels)
        numbers = 3 * self._patch**2
        self.mean: Tensor
        self.basis: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.zeros(numbers))
        self.register_buffer("basis", torch.zeros(numbers, CHANNELS))
        self.register_buffer("spread", torch.ones(CHANNELS))

    @torch.no_grad()
    def fit_codec(self, frames: Frames) -> None:
        """Principal components of the patches of some frames, in float64."""
        patches = self._patches(frames).flatten(0, 3).double()
        mean = patches.mean(0)
        covariance = (patches - mean).T @ (patches - mean) / len(patches)
        variance, vectors = torch.linalg.eigh(covariance)
        self.mean.copy_(mean)
        self.basis.copy_(vectors[:, -CHANNELS:].flip(1))
        self.spread.copy_(variance[-CHANNELS:].flip(0).clamp(min=1e-12).sqrt())

    def latents(self, frames: Frames) -> Latents:
        """Of whole frames, each channel of unit spread."""
        return (self._patches(frames) - self.mean) @ self.basis / self.spread

    def frames(self, z: Latents) -> Frames:
        """The inverse of `latents`, as far as the codec goes."""
        patches = z.float() * self.spread @ self.basis.T + self.mean
        pixels = rearrange(
            patches, "b t h w (p q c) -> b t (h p) (w q) c", p=self._patch, q=self._patch, c=3
        )
        return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)

    def condition(self, given: ImageBatch) -> Cond:
        """Keys and values of every block, and the first frame's latents; once per clip."""
        first = self.latents(given.pixels[:, :1])
        return {**self.seen(given), "first": Posterior(first, torch.zeros_like(first))}

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """(frames, rows, columns, channels)."""
        return self._shape

    def decode(self, z: Latents, cond: Cond) -> tuple[Float[Tensor, "b t rows columns 2"], None]:
        """Where our own tracker finds the grid's points in the forecast frames."""
        found = [self.tracked(frames.cpu().numpy()) for frames in self.frames(z)]
        return torch.stack(found).to(z.device), None

    def tracked(self, frames: UInt8[np.ndarray, "t H W 3"]) -> Float[Tensor, "t rows columns 2"]:
        """The grid's points in a video, by our own tracker; hidden ones are guessed."""
        grid = self.config.grid
        tracks = track(Video(ArraySource(frames, FPS)), grid=grid)
        xy = torch.from_numpy(fill_hidden(tracks)).float()
        return coords.normalise(xy, tracks.size).unflatten(1, (grid.h, grid.w))

    def _patches(self, frames: Frames) -> Float[Tensor, "b t h w d"]:
        side = self._patch
        scaled = frames.float() / 127.5 - 1
        patches: Tensor = rearrange(scaled, "b t (h p) (w q) c -> b t h w (p q c)", p=side, q=side)
        return patches


def clip_frames(data: ImageData, seed: int, indices: list[int]) -> Frames:
    """Whole clips of the pool of a seed."""
    videos = (video_of(scene_of(data, seed, index))[0 : data.frames] for index in indices)
    return torch.stack([torch.from_numpy(video) for video in videos])
