"""Clips to train on: simulated in the background, kept on disk, drawn by step.

The pool is a folder of chunks. While one chunk is trained on, the next is being made by another
process; a chunk that is already there is only read. Which clips a step sees, and how they are
augmented, depends on (seed, keys, step) alone: never on timing, never on what was drawn before.
"""

import hashlib
import json
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data import synth
from kinecast.train import checkpoint
from kinecast.train.augment import Window, as_tracked, joined
from kinecast.train.recipe import Data
from kinecast.train.stage import Batch

STEP_PX = 1 / 16  # stored resolution of positions: exact to 0.03 px, +-2048 px around the anchor
ORDER, AUGMENT = 10, 11  # keys of the pool's random numbers
VALIDATION_SEED = 1_000_003  # the same held-out clips whatever the run's seed


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


@dataclass(frozen=True, eq=False)
class Place:
    """Where a step's clips are: pass over a chunk (from 0), frame size, clips of that shard."""

    number: int
    which: int
    indices: Tensor


class WorldPool(AbstractContextManager["WorldPool"]):
    """The training clips of a recipe; close it to end its processes."""

    def __init__(self, data: Data, seed: int, folder: Path) -> None:
        """Keep chunks in a sub-folder of `folder` named after what they depend on.

        Raises:
            UserError: a chunk holds fewer clips than it needs.
        """
        least = len(data.sizes) * 2 * len(data.families)
        if data.chunk < least or data.clips < data.chunk:
            raise UserError(
                f"expected data.clips >= data.chunk >= {least} (each family from both anchors in "
                f"each frame size), got {data.clips} and {data.chunk}"
            )
        self.data = data
        self.seed = seed
        self.name = _digest(data, seed, data.chunk)  # what the clips depend on
        self.home = folder
        self._folder = folder / self.name
        self._chunks = data.clips // data.chunk
        self._loaded: tuple[int, list[Shard]] | None = None
        self._pending: dict[int, Future[None]] = {}
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

    def place(self, step: int, batch: int, *keys: int) -> Place:
        """Which clips a step sees. Every `keys` (a stage, say) has an order of its own.

        Raises:
            UserError: more clips asked than a chunk holds of one size.
        """
        sizes, clips = len(self.data.sizes), self.clips_of_one_size
        if batch > clips:
            raise UserError(
                f"expected a batch of at most {clips} clips (data.chunk of one frame size), "
                f"got {batch}; raise data.chunk"
            )
        turn, which = divmod(step, sizes)
        number, k = divmod(turn, clips // batch)
        order = rng.generator(self.seed, *keys, ORDER, which, number)
        indices = torch.randperm(clips, generator=order)[k * batch : (k + 1) * batch]
        return Place(number, which, indices)

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

    @property
    def clips_of_one_size(self) -> int:
        """Clips of each frame size in a chunk."""
        return self.data.chunk // len(self.data.sizes)

    @property
    def passes(self) -> int:
        """Passes over chunks until the pool starts again."""
        return self._chunks * self.data.reuse

    def validation(self, families: tuple[str, ...] = (), batch: int = 16) -> list[Batch]:
        """Held-out clips, the same for every seed, with fixed augmentation.

        Args:
            families: of the clips; default: those trained on (`synth.HELD_OUT` never are).
            batch: clips a batch; the last one of each frame size may be smaller.
        """
        data = replace(self.data, families=families or self.data.families)
        facts = _digest(data, VALIDATION_SEED, data.validation)
        path = self.home / f"validation-{facts}.safetensors"
        if not path.exists():
            _make_chunk(data, VALIDATION_SEED, 0, data.validation, path)
        batches = []
        for shard in _read_chunk(path, data):
            for start in range(0, len(shard), batch):
                clips = torch.arange(start, min(start + batch, len(shard)))
                draw = rng.generator(VALIDATION_SEED, AUGMENT, start)
                batches.append(shard.tracked(clips, data, draw))
        return batches

    def __exit__(self, *_: object) -> None:
        """End the background processes at once; finished chunks stay on disk."""
        self._closed = True
        if self._executor is not None:
            for process in list((self._executor._processes or {}).values()):
                process.terminate()
            self._executor.shutdown(wait=True, cancel_futures=True)

    def shards(self, number: int = 0) -> list[Shard]:
        """A chunk, one shard a frame size, as simulated: for statistics and closed-form fits.

        Raises:
            UserError: the process that makes chunks died.
        """
        number %= self._chunks
        if self._loaded is None or self._loaded[0] != number:
            self._loaded = None  # before the next one is read: memory for one
            path = self._path(number)
            if not path.exists():
                self._request(number)
                try:
                    self._pending.pop(number).result()
                except BrokenProcessPool as error:
                    raise UserError(
                        "the process that makes training clips died (out of memory?); "
                        "lower data.chunk or data.workers and run again to continue"
                    ) from error
            self._loaded = (number, _read_chunk(path, self.data))
            for ahead in range(1, self.data.workers + 1):
                self._request((number + ahead) % self._chunks)
        return self._loaded[1]

    def _request(self, number: int) -> None:
        path = self._path(number)
        if number in self._pending or path.exists():
            return
        if self._closed:
            raise RuntimeError("expected an open pool, got one that was closed")
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.data.workers, mp_context=get_context("spawn"), initializer=_quiet_worker
            )
        self._pending[number] = self._executor.submit(
            _make_chunk, self.data, self.seed, number * self.data.chunk, self.data.chunk, path
        )

    def _path(self, number: int) -> Path:
        return self._folder / f"chunk-{number:05d}.safetensors"


def _make_chunk(data: Data, seed: int, start: int, clips: int, path: Path) -> None:
    """Simulate clips [start, start + clips) of every size and write them as one file."""
    tensors = {}
    sizes = len(data.sizes)
    for index, size in enumerate(data.sizes):
        offsets, visible, anchors = [], [], []
        grid = Grid.over(size, data.stride)
        for part in _parts(data, start // sizes, clips // sizes):
            worlds = synth.generate(
                part.family,
                seed=seed * sizes + index,
                n=part.clips,
                start=part.start,
                frames=data.history + data.horizon + data.augment.margin,
                size=size,
                grid=grid,
                anchor=data.augment.margin // 2 + part.anchor,
                motion=Path(data.motion) if data.motion else None,
            )
            offset = (worlds.xy - torch.from_numpy(grid.points())) / STEP_PX
            offsets.append(offset.round().clamp(-32768, 32767).to(torch.int16).cpu())
            visible.append(worlds.visible.cpu())
            anchors.append(torch.full((part.clips,), part.anchor))
        tensors[f"{index}.offset"] = torch.cat(offsets)
        tensors[f"{index}.anchor"] = torch.cat(anchors)
        tensors[f"{index}.visible"] = torch.cat(visible)
    checkpoint.save(path, tensors)


@dataclass(frozen=True)
class _Part:
    family: str
    anchor: int
    start: int
    clips: int


def _parts(data: Data, start: int, clips: int) -> Iterator[_Part]:
    """Split clips evenly over families and the two anchors: the first frame and the present."""
    kinds = [(f, anchor) for f in data.families for anchor in (0, data.history - 1)]
    for i, (family, anchor) in enumerate(kinds):
        first, last = (i * clips // len(kinds), (i + 1) * clips // len(kinds))
        if last > first:
            yield _Part(family, anchor, start + first, last - first)


def _read_chunk(path: Path, data: Data) -> list[Shard]:
    tensors, _ = checkpoint.load(path)
    return [
        Shard(
            tensors[f"{index}.offset"],
            tensors[f"{index}.visible"],
            tensors[f"{index}.anchor"],
            size,
            Grid.over(size, data.stride),
        )
        for index, size in enumerate(data.sizes)
    ]


def _digest(data: Data, seed: int, clips: int) -> str:
    """A name for all that the clips of a file depend on."""
    facts = {
        "worlds": _worlds_version(),
        "families": data.families,
        "seed": seed,
        "clips": clips,
        "history": data.history,
        "horizon": data.horizon,
        "sizes": data.sizes,
        "stride": data.stride,
        "motion": data.motion,
        "margin": data.augment.margin,
        "step": STEP_PX,
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


@cache
def _worlds_version() -> str:
    """A hash of the generator's source: other worlds, other files."""
    root = Path(synth.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _quiet_worker() -> None:
    """One thread a process; Ctrl-C is the trainer's business, its order to end cleans up first."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
