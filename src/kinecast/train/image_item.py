"""What a step of an image-conditioned system trains on: pictures, and where their points go."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.systems.base import FieldBatch, ImageBatch

_TENSORS = ("xy", "visible", "pixels", "features", "text", "states", "actions", "steps")


@dataclass(frozen=True, eq=False)
class ImageItem:
    """Clips of one frame size, each from its first frame on; v views of one moment.

    Every point is laid in the first frame, where it is exact and visible. Positions are finite
    everywhere: exact where the source knows them, else guessed from the visible frames.

    Attributes:
        xy: pixels xy; the points of a view are the same in all frames, row-major on a grid.
        visible: seen in that frame.
        pixels: the first frame as RGB, of each view.
        texts: what is said of each clip; "" where nothing is.
        size: (W, H) of the frames.
        grid: how the points were laid, the same in every view; None: anywhere.
        features: image tokens of `data.encoder`, row-major patches, or None without one.
        text: tokens of `data.text_encoder`, or None without one.
        states: of the robot in every frame: seven joint angles and two fingers; None elsewhere.
        actions: what it was told in every frame (see `data.synth.sim` robots); None elsewhere.
        steps: of the robot's episode at which each clip begins; None elsewhere.
    """

    xy: Float32[Tensor, "b v t n 2"]
    visible: Bool[Tensor, "b v t n"]
    pixels: UInt8[Tensor, "b v H W 3"]
    texts: tuple[str, ...]
    size: Size
    grid: Grid | None
    features: Float32[Tensor, "b v m f"] | None = None
    text: Float32[Tensor, "b l e"] | None = None
    states: Float32[Tensor, "b t 9"] | None = None
    actions: Float32[Tensor, "b t 7"] | None = None
    steps: Int64[Tensor, " b"] | None = None

    def __len__(self) -> int:
        return len(self.xy)

    def images(self) -> ImageBatch:
        """What `System.condition` takes, without pokes."""
        return ImageBatch(self.pixels, self.size, self.features, text=self.text)

    def field(self, view: int = 0) -> FieldBatch:
        """The window of a view as a system takes it: normalised (b, t, h, w, 2).

        Scattered points are one row, h = 1.
        """
        shape = (1, self.xy.shape[3]) if self.grid is None else (self.grid.h, self.grid.w)
        xy = coords.normalise(self.xy[:, view], self.size)
        return FieldBatch(
            xy.unflatten(2, shape), self.visible[:, view].unflatten(2, shape), self.size
        )

    def normalised(self) -> Float32[Tensor, "b v t n 2"]:
        """Positions in [-1, 1] inside the frame."""
        return coords.normalise(self.xy, self.size)

    def to(self, device: torch.device) -> "ImageItem":
        """The same on a device."""
        moved: dict[str, Any] = {k: v.to(device) for k, v in self.tensors().items()}
        return replace(self, **moved)

    def rows(self, which: slice) -> "ImageItem":
        """Some of the clips."""
        some: dict[str, Any] = {k: v[which] for k, v in self.tensors().items()}
        return replace(self, texts=self.texts[which], **some)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that are there, by name."""
        found = {name: getattr(self, name) for name in _TENSORS}
        return {name: value for name, value in found.items() if value is not None}
