"""Tracked videos to train on: histories from shards, as `kinecast prepare` writes them.

A clip is used from its first frame on, where its points were laid on the grid: history + horizon
frames of it. Of `Augment`, speed (`warp`) and mirror images (`flip`) apply; the rest does not: a
tracked history has its tracker's own errors, and there are no frames beyond the window (`margin`),
so that clips are played slower, never faster. What the tracker did not see is a straight line
between what it saw, and counts in no loss that asks for visibility.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.shards import open_shard
from kinecast.forecast.guess import fill_hidden
from kinecast.train import checkpoint
from kinecast.train.chunk_pool import Layout
from kinecast.train.history_pool import STEP_PX, HistoryPool, stored
from kinecast.train.once import made_once
from kinecast.train.recipe import Augment, Data
from kinecast.train.shard_split import REPEATS, Stored, chunked, split, too_few


class ShardPool(HistoryPool):
    """Clips of `data.shards`; a tenth of them, of recordings of their own, is held out.

    Attributes:
        data: the recipe's, with the size and stride of the shards and what applies of `augment`.
    """

    def __init__(self, data: Data, seed: int, folder: Path) -> None:
        """Keep chunks in a sub-folder of `folder` named after what they depend on.

        Raises:
            UserError: no shards, no clip long enough, clips of one recording, or points that are
                not on the grid of one frame size and stride.
            DamageError: a damaged shard.
        """
        frames = data.history + data.horizon
        found = split(Path(data.shards), frames, data.validation)
        self._window, self._clips = frames, found
        first = found.train[0]
        size, grid = _layout(open_shard(first.path)[first.index].tracks, first)
        self._chunks = chunked(found.train, data.chunk, seed)
        layout = Layout(len(self._chunks), len(self._chunks[0]), 1, data.reuse, REPEATS)
        how = Augment(margin=0, warp=data.augment.warp, flip=data.augment.flip)
        how = replace(how, jitter=0, wander=0, spells=0, lost=0, drift=0, edges=0)
        data = replace(data, sizes=(size,), stride=grid.stride, augment=how)
        facts = [found.digest, frames, STEP_PX, data.validation]
        self._facts = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
        name = hashlib.sha256(f"{self._facts} {seed} {data.chunk}".encode()).hexdigest()[:12]
        super().__init__(name, data, seed, folder, layout)

    def _maker(self, number: int, path: Path) -> Callable[[], None]:
        grid = Grid.over(self.data.sizes[0], self.data.stride)
        return partial(
            _make_chunk, self._chunks[number], self._window, self.data.sizes[0], grid, path
        )

    def _held_out(self, families: tuple[str, ...]) -> Path:
        path = self.home / f"validation-{self._facts}.safetensors"
        size = self.data.sizes[0]
        grid = Grid.over(size, self.data.stride)
        held_out = self._clips.held_out
        made_once(path, lambda: _make_chunk(held_out, self._window, size, grid, path))
        return path

    def _too_large(self, batch: int) -> str:
        return too_few(self.clips_of_one_size, batch)


def check_grid(data: Data, rows: int, columns: int) -> None:
    """Refuse shards whose points are not the cells that a network has.

    Raises:
        UserError: says what to prepare.
    """
    size = data.sizes[0]
    grid = Grid.over(size, data.stride)
    if data.shards and (grid.h, grid.w) != (rows, columns):
        raise UserError(
            f"expected shards with {rows}x{columns} points for this network, got "
            f"{grid.h}x{grid.w} (stride {grid.stride:g} of {size[0]}x{size[1]} frames); prepare "
            "the videos with a --size and --stride that give them, or use the recipe "
            "trajloom-small, which takes any grid"
        )


def _make_chunk(clips: Sequence[Stored], frames: int, size: Size, grid: Grid, path: Path) -> None:
    """Read clips and write them as one file of one frame size."""
    offsets, visible = [], []
    for place in clips:
        tracks = open_shard(place.path)[place.index].tracks
        got = _layout(tracks, place)
        if got != (size, grid):
            raise UserError(
                f"expected shards of one --size and --stride, got {_spell(size, grid)} and "
                f"{_spell(*got)} in {place.path}; prepare all videos alike, or train on one folder "
                "of each"
            )
        window = tracks.window(0, frames)
        shape = (frames, grid.h, grid.w)
        xy = torch.from_numpy(fill_hidden(window)).reshape(*shape, 2)
        offsets.append(stored(xy, grid))
        visible.append(torch.from_numpy(window.visible.copy()).reshape(shape))
    tensors = {
        "0.offset": torch.stack(offsets),
        "0.visible": torch.stack(visible),
        "0.anchor": torch.zeros(len(clips), dtype=torch.int64),
    }
    checkpoint.save(path, tensors)


def _layout(tracks: Tracks, place: Stored) -> tuple[Size, Grid]:
    """Frame size and grid of a clip.

    Raises:
        UserError: scattered points, or a grid that is not `Grid.over` of the frame in its first
            frame.
    """
    grid = tracks.grid
    if grid is None or grid != Grid.over(tracks.size, grid.stride):
        got = "scattered points" if grid is None else str(grid)
        raise UserError(
            f"expected clips with a grid of points in the middle of cells, as kinecast prepare "
            f"lays them, got {got} in {place.path}; track the videos again"
        )
    if not ((tracks.query_frame == 0) & tracks.visible[0]).all():
        raise UserError(
            f"expected clips whose points are laid in their first frame, got others in "
            f"{place.path}; track the videos again"
        )
    return tracks.size, grid


def _spell(size: Size, grid: Grid) -> str:
    return f"{size[0]}x{size[1]} at stride {grid.stride:g}"
