"""What pools of tracked histories have in common: stored clips, batches, augmentation.

How clips are augmented depends, as which they are (`chunk_pool`), on (seed, keys, step) alone.
"""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.train import checkpoint
from kinecast.train.augment import Window, as_tracked, joined
from kinecast.train.chunk_pool import AUGMENT, VALIDATION_SEED, ChunkPool, Layout
from kinecast.train.recipe import Data
from kinecast.train.stage import Batch

STEP_PX = 1 / 16  # stored resolution of positions: exact to 0.03 px, +-2048 px around the anchor


@dataclass(frozen=True, eq=False)
class Shard:
    """Clips of one frame size, as stored: int16 steps of 1/16 px from each point's grid point.

    They are longer than a window by `Augment.margin` frames, half of them before it.
    """

    offset: Tensor  # (n, t, h, w, 2) int16
    visible: Tensor  # (n, t, h, w) bool
    anchor: Tensor  # (n,) frame of the window in which the points were laid
    size: Size
    grid: Grid

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (b, t, h, w, 2) in float32 pixels, and visibility (b, t, h, w)."""
        xy = self.offset[indices].float() * STEP_PX + torch.from_numpy(self.grid.points())
        return xy, self.visible[indices]

    def tracked(self, indices: Tensor, data: Data, draw: torch.Generator) -> Batch:
        """The batch of some clips, augmented; clips of one anchor follow each other."""
        window = Window(data.history, data.horizon, self.size, self.grid)
        batches = []
        for anchor in self.anchor[indices].unique().tolist():
            xy, visible = self.take(indices[self.anchor[indices] == anchor])
            batches.append(as_tracked(xy, visible, anchor, window, data.augment, draw))
        return joined(batches)


class HistoryPool(ChunkPool[list[Shard]]):
    """The training clips of a recipe; close it to end its processes.

    Attributes:
        data: the recipe's; of shards, with what is true of them.
    """

    def __init__(self, name: str, data: Data, seed: int, home: Path, layout: Layout) -> None:
        super().__init__(name, seed, home, layout, data.workers)
        self.data = data

    @abstractmethod
    def _held_out(self, families: tuple[str, ...]) -> Path:
        """The file of the validation clips, made where it is not there."""

    def batch(self, step: int, batch: int, *keys: int) -> Batch:
        """The clips of a step, augmented.

        Raises:
            UserError: see `place`; or the process that makes clips died.
        """
        place = self.place(step, batch, *keys)
        draw = rng.generator(self.seed, *keys, AUGMENT, step)
        return self.take(place.number, place.which, place.indices, draw)

    def take(self, number: int, which: int, indices: Tensor, draw: torch.Generator) -> Batch:
        """Clips of pass `number` and frame size `which`, augmented with `draw`."""
        shard = self.shards(number // self.data.reuse)[which]
        return shard.tracked(indices, self.data, draw)

    def validation(self, families: tuple[str, ...] = (), batch: int = 16) -> list[Batch]:
        """Held-out clips, the same for every seed, with fixed augmentation.

        Args:
            families: of simulated clips; default: those trained on (`synth.HELD_OUT` never are).
            batch: clips a batch; the last one of each frame size may be smaller.
        """
        batches = []
        for shard in self._read(self._held_out(families or self.data.families)):
            for start in range(0, len(shard), batch):
                clips = torch.arange(start, min(start + batch, len(shard)))
                draw = rng.generator(VALIDATION_SEED, AUGMENT, start)
                batches.append(shard.tracked(clips, self.data, draw))
        return batches

    def shards(self, number: int = 0) -> list[Shard]:
        """A chunk, one shard a frame size, as simulated: for statistics and closed-form fits.

        Raises:
            UserError: the process that makes chunks died.
        """
        return self.held(number)

    def _read(self, path: Path) -> list[Shard]:
        tensors, _ = checkpoint.load(path)
        return [
            Shard(
                tensors[f"{index}.offset"],
                tensors[f"{index}.visible"],
                tensors[f"{index}.anchor"],
                size,
                Grid.over(size, self.data.stride),
            )
            for index, size in enumerate(self.data.sizes)
        ]


def stored(xy: Tensor, grid: Grid) -> Tensor:
    """Positions (..., h, w, 2) in pixels as `Shard.offset` holds them."""
    offset = (xy - torch.from_numpy(grid.points())) / STEP_PX
    return offset.round().clamp(-32768, 32767).to(torch.int16)
