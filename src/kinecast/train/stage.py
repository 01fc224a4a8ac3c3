"""What the loop knows of a stage, and what a run knows of a recipe's networks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.systems.base import FieldBatch


@dataclass(frozen=True, eq=False)
class Batch:
    """Clips of one frame size: the truth, and the history as a tracker would report it.

    Attributes:
        xy: exact positions of history and future, pixels xy.
        visible: seen in that frame.
        noisy_xy, noisy_visible: the history with tracker-like errors; hidden positions are guesses.
        size: (W, H).
        grid: where the points were laid.
    """

    xy: Float32[Tensor, "b t h w 2"]
    visible: Bool[Tensor, "b t h w"]
    noisy_xy: Float32[Tensor, "b p h w 2"]
    noisy_visible: Bool[Tensor, "b p h w"]
    size: Size
    grid: Grid

    def __len__(self) -> int:
        return len(self.xy)

    @property
    def history(self) -> int:
        """Frames of the history; the future begins at this index."""
        return int(self.noisy_xy.shape[1])

    def fields(self) -> tuple[FieldBatch, FieldBatch]:
        """What a system takes: the history as tracked and the exact future, normalised."""
        P = self.history
        past = coords.normalise(self.noisy_xy, self.size)
        future = coords.normalise(self.xy[:, P:], self.size)
        return (
            FieldBatch(past, self.noisy_visible, self.size),
            FieldBatch(future, self.visible[:, P:], self.size),
        )

    def shortened(self, frames: int) -> "Batch":
        """The same clips with only the last `frames` of their history."""
        first = self.history - frames
        seen = self.noisy_visible[:, first:]
        return Batch(
            xy=self.xy[:, first:],
            visible=self.visible[:, first:],
            noisy_xy=fill_hidden(self.noisy_xy[:, first:], seen, self.grid),
            noisy_visible=seen,
            size=self.size,
            grid=self.grid,
        )

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        moved = {k: v.to(device) for k, v in self.tensors().items()}
        return Batch(**moved, size=self.size, grid=self.grid)

    def rows(self, which: slice) -> "Batch":
        """Some of the clips."""
        some = {k: v[which] for k, v in self.tensors().items()}
        return Batch(**some, size=self.size, grid=self.grid)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        names = ("xy", "visible", "noisy_xy", "noisy_visible")
        return {name: getattr(self, name) for name in names}


def fill_hidden(xy: Tensor, visible: Tensor, grid: Grid) -> Tensor:
    """Guess hidden positions (b, t, h, w, 2) from the visible ones, as `forecast.guess` does.

    A straight line between two visible frames, still before the first and after the last; a point
    that is never seen stays where it was laid.
    """
    T = xy.shape[1]
    frame = torch.arange(T, device=xy.device, dtype=torch.int16)[:, None, None]
    frame = frame.expand(visible.shape)
    before = torch.where(visible, frame, -1).cummax(1).values
    after = torch.where(visible, frame, T).flip(1).cummin(1).values.flip(1)
    left = torch.where(before >= 0, before, after.clamp(max=T - 1))
    right = torch.where(after < T, after, left)
    laid = torch.from_numpy(grid.points()).to(xy)
    filled = torch.where(visible.any(1, keepdim=True)[..., None], xy, laid)
    b, t, i, j = (~visible & visible.any(1, keepdim=True)).nonzero(as_tuple=True)
    left, right = left[b, t, i, j].long(), right[b, t, i, j].long()
    weight = ((t - left) / (right - left).clamp(min=1)).clamp(0, 1)[:, None]
    filled[b, t, i, j] = (1 - weight) * xy[b, left, i, j] + weight * xy[b, right, i, j]
    return filled


class Item(Protocol):
    """What a step trains on: a `Batch`, or what a stage made of one in advance."""

    def __len__(self) -> int:
        """Number of clips."""

    def to(self, device: torch.device) -> "Item":
        """The same on a device."""

    def rows(self, which: slice) -> "Item":
        """Some of the clips: the share of a process, or of one pass of gradient accumulation."""

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, to be saved when a step goes wrong."""


Taken = TypeVar("Taken", contravariant=True)


class Stage(Protocol[Taken]):
    """One optimisation: a loss over batches, for the parameters of `module` that require grad."""

    @property
    def module(self) -> nn.Module:
        """The part that is trained, averaged and kept."""

    def loss(self, batch: Taken, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """The scalar to minimise and the parts to log; every random number comes from `draw`.

        Both are means over clips: with several processes, or passes of gradient accumulation, the
        batch is a share and `draw` a `kinecast.train.draw.Draw`. What is drawn for each clip is
        drawn by `draw.rows` or `draw.normal`, so that the noise of a clip does not depend on the
        number of shares; a loss that is normalised over the batch asks `draw.whole` for all of it.
        """

    def validate(self) -> dict[str, float]:
        """Scores on clips never trained on; lower is better.

        "model" picks the best weights; trivial baselines stand beside it under their names. Called
        without gradients, in eval mode, with the averaged weights in place.
        """

    def finish(self) -> None:
        """Called once, after the best weights are in place (latent statistics, a fitted codec)."""


@runtime_checkable
class OwnBatches(Protocol):
    """A stage that does not train on clips from the pool as they are, but on cached latents."""

    def batch(self, step: int) -> Item:
        """What step `step` trains on; it depends on the step alone."""


@runtime_checkable
class CachedLatents(Protocol):
    """A stage that trains on latents kept on disk (`train.latents.LatentCache`)."""

    latents: Any


@runtime_checkable
class Pictured(Protocol):
    """A stage that has something to show."""

    def pictures(self) -> dict[str, np.ndarray]:
        """Name -> RGB uint8 (H, W, 3); called after `validate`, with the averaged weights."""


class Plan(Protocol):
    """The networks of a recipe and its stages."""

    system: nn.Module  # all that one stage leaves to the next: saved and restored whole

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; those before it are finished and in `system`."""

    def export(self, folder: Path) -> None:
        """Write the checkpoint folder that a forecaster loads."""
