"""Clips as ZipMo is trained on them: sparse tracks (y, x) of a window, and its first frame."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.nn.vit import ViT
from kinecast.systems.zipmo.image import patch_tokens
from kinecast.train.draw import rows
from kinecast.train.image_item import ImageItem
from kinecast.train.recipe import ImageData

AT_ONCE = 16  # clips

Yx = Float[Tensor, "r n t 2"]


class Clips(Protocol):
    """What `images.ImageClips` and `demos.DemoClips` have in common."""

    data: ImageData

    def batch(self, step: int, batch: int, *keys: int) -> ImageItem:
        """The clips of a step."""

    def validation(self, batch: int = 16) -> list[ImageItem]:
        """Held-out clips."""

    def take(self, number: int, indices: Tensor) -> ImageItem:
        """Clips of pass `number` over chunks."""

    @property
    def clips_of_one_size(self) -> int:
        """Clips in a chunk."""

    @property
    def passes(self) -> int:
        """Passes over chunks."""


@dataclass(frozen=True, eq=False)
class AtStep:
    """Clips, and the step that they are for: an image encoder may be unlocked at one."""

    clips: ImageItem
    step: int

    def __len__(self) -> int:
        return len(self.clips)

    def to(self, device: torch.device) -> "AtStep":
        """The same on a device."""
        return replace(self, clips=self.clips.to(device))

    def rows(self, which: slice) -> "AtStep":
        """Some of the clips."""
        return replace(self, clips=self.clips.rows(which))

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return self.clips.tensors()


def all_tracks(item: ImageItem, frames: int) -> Yx:
    """Normalised (y, x) of all points, view after view of each clip, in so many frames.

    Other lengths are resampled linearly from end to end (ZipMo, appendix A, on LIBERO).
    """
    yx = item.normalised().flip(-1).flatten(0, 1).transpose(1, 2)
    if yx.shape[2] == frames:
        return yx
    points = yx.transpose(2, 3).flatten(0, 1)
    longer = F.interpolate(points, frames, mode="linear", align_corners=True)
    return longer.unflatten(0, yx.shape[:2]).transpose(2, 3)


def check_points(item: ImageItem, count: int) -> None:
    """Refuse clips of fewer points than are drawn of each.

    Raises:
        UserError: says how to have more.
    """
    if item.xy.shape[3] < count:
        raise UserError(
            f"expected clips of at least {count} points, got {item.xy.shape[3]}; lower data.stride "
            "or raise data.points, or lower model.tracks"
        )


def some_of(tracks: Yx, clips: int, count: int, draw: torch.Generator) -> Yx:
    """`count` distinct tracks of each view, in random order."""
    views, points = len(tracks) // clips, tracks.shape[1]

    def orders(n: int) -> Int64[Tensor, "n v p"]:
        return torch.rand(n, views, points, generator=draw).argsort(-1)

    which = rows(draw, clips, orders)[..., :count].flatten(0, 1).to(tracks.device)
    return torch.take_along_dim(tracks, which[..., None, None], dim=1)


def see(
    vit: ViT, pixels: UInt8[Tensor, "b v H W 3"], cells: int, *, trained: bool = False
) -> Float[Tensor, "b v m i"]:
    """Image tokens of every view; gradients reach the encoder only if it is trained."""
    with torch.set_grad_enabled(trained and torch.is_grad_enabled()):
        return patch_tokens(vit, pixels.flatten(0, 1), cells).unflatten(0, pixels.shape[:2])


def unlocked(from_step: int | None, step: int) -> bool:
    """Whether an image encoder is trained at a step."""
    return from_step is not None and step >= from_step


def noisy(
    pixels: UInt8[Tensor, "b v H W 3"], strength: float, draw: torch.Generator
) -> UInt8[Tensor, "b v H W 3"]:
    """Frames with white noise, of a standard deviation up to `strength` of their range."""
    if not strength:
        return pixels

    def noise(n: int) -> Float[Tensor, "n v H W 3"]:
        deviation = strength * 255 * torch.rand(n, generator=draw)
        return deviation.view(-1, 1, 1, 1, 1) * torch.randn(n, *pixels.shape[1:], generator=draw)

    drawn = rows(draw, len(pixels), noise).to(pixels.device)
    return (pixels + drawn).round().clamp(0, 255).to(torch.uint8)


def training_clips(pool: Clips, most: int) -> Iterator[ImageItem]:
    """Distinct clips of the pool, from its first chunk on, at most so many."""
    seen = 0
    for number in range(0, pool.passes, pool.data.reuse):
        for start in range(0, pool.clips_of_one_size, AT_ONCE):
            stop = min(start + AT_ONCE, pool.clips_of_one_size, start + most - seen)
            if stop <= start:
                return
            seen += stop - start
            yield pool.take(number, torch.arange(start, stop))
