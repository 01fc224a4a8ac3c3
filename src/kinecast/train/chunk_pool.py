"""Chunks of clips: made in the background, kept on disk, one in memory, drawn by step.

A pool is a folder of chunks. While one chunk is trained on, the next is being made by another
process; a chunk that is already there is only read. Which clips a step sees depends on (seed, keys,
step) alone: never on timing, never on what was drawn before.
"""

import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from threading import Lock
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.core.worker import end_with_parent
from kinecast.train.once import made_once, maker
from kinecast.train.stage import Item

ORDER, AUGMENT = 10, 11  # keys of a pool's random numbers
VALIDATION_SEED = 1_000_003  # the same held-out clips whatever the run's seed
# a pool's order to its workers: SIGTERM may be sent to the whole group
END = getattr(signal, "SIGUSR1", signal.SIGTERM)

Held = TypeVar("Held")


@dataclass(frozen=True, eq=False)
class Place:
    """Where a step's clips are: pass over a chunk (from 0), frame size, clips of that shard."""

    number: int
    which: int
    indices: Tensor


@dataclass(frozen=True)
class Layout:
    """How many clips there are.

    Attributes:
        chunks: until the pool starts again.
        clips: of each frame size in a chunk.
        sizes: frame sizes; each batch has one, in turn.
        reuse: passes over a chunk before the next one.
        repeats: how often a batch may hold a clip.
    """

    chunks: int
    clips: int
    sizes: int
    reuse: int
    repeats: int = 1


class ChunkPool(AbstractContextManager["ChunkPool[Held]"], ABC, Generic[Held]):
    """What all pools have in common; close one to end its processes.

    Attributes:
        name: what the clips depend on, as a file name.
        seed: of the run.
        home: folder of all pools that share it.
    """

    def __init__(self, name: str, seed: int, home: Path, layout: Layout, workers: int) -> None:
        """Keep chunks in the sub-folder `name` of `home`."""
        self.name, self.seed, self.home = name, seed, home
        self._layout, self._workers = layout, workers
        self._folder = home / name
        self._lock = Lock()  # the next batch is made by a thread of its own
        self._loaded: tuple[int, Held] | None = None
        self._pending: dict[int, Future[None]] = {}
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

    @abstractmethod
    def batch(self, step: int, batch: int, *keys: int) -> Item:
        """The clips of a step."""

    @abstractmethod
    def _maker(self, number: int, path: Path) -> Callable[[], None]:
        """What writes a chunk, for another process."""

    @abstractmethod
    def _read(self, path: Path) -> Held:
        """A chunk that is there."""

    def check_batch(self, batch: int) -> None:
        """Refuse a batch that the clips cannot fill.

        Raises:
            UserError: it is larger than what a chunk holds of one size.
        """
        if batch > self.clips_of_one_size * self._layout.repeats:
            raise UserError(self._too_large(batch))

    def place(self, step: int, batch: int, *keys: int) -> Place:
        """Which clips a step sees. Every `keys` (a stage, say) has an order of its own.

        Raises:
            UserError: as `check_batch`.
        """
        self.check_batch(batch)
        sizes, clips = self._layout.sizes, self.clips_of_one_size
        turn, which = divmod(step, sizes)
        number, k = divmod(turn, max(1, clips // batch))
        order = rng.generator(self.seed, *keys, ORDER, which, number)
        rounds = [torch.randperm(clips, generator=order) for _ in range(-(-batch // clips))]
        return Place(number, which, torch.cat(rounds)[k * batch : (k + 1) * batch])

    @property
    def clips_of_one_size(self) -> int:
        """Clips of each frame size in a chunk."""
        return self._layout.clips

    def spread(self, least: int) -> Tensor:
        """Every so many-th clip of each frame size: at least so many, or all there are.

        A chunk lists its clips by family and anchor: its first ones do not stand for all.
        """
        return torch.arange(0, self.clips_of_one_size, max(1, self.clips_of_one_size // least))

    @property
    def sizes(self) -> int:
        """Frame sizes."""
        return self._layout.sizes

    @property
    def reuse(self) -> int:
        """Passes over a chunk before the next one."""
        return self._layout.reuse

    @property
    def passes(self) -> int:
        """Passes over chunks until the pool starts again."""
        return self._layout.chunks * self._layout.reuse

    def held(self, number: int) -> Held:
        """Chunk `number`, counted on after the last one; the next are begun in the background.

        Raises:
            UserError: the process that makes chunks died.
        """
        number %= self._layout.chunks
        with self._lock, _deaths_told():
            if self._loaded is None or self._loaded[0] != number:
                self._loaded = None  # before the next one is read: memory for one
                path = self._path(number)
                made_once(path, lambda: self._made(number))
                self._loaded = (number, self._read(path))
                for ahead in range(1, self._workers + 1) if maker() else ():
                    self._request((number + ahead) % self._layout.chunks)
            return self._loaded[1]

    def _made(self, number: int) -> None:
        self._request(number)
        if number in self._pending:  # else another run that shares the folder has just made it
            self._pending.pop(number).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the background processes at once; finished chunks stay on disk."""
        self._closed = True
        if self._executor is not None:
            for pid, process in list((self._executor._processes or {}).items()):
                with suppress(ProcessLookupError):
                    if process.is_alive():
                        os.kill(pid, END)
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _too_large(self, batch: int) -> str:
        return (
            f"expected a batch of at most {self.clips_of_one_size} clips (data.chunk of one frame "
            f"size), got {batch}; raise data.chunk"
        )

    def _request(self, number: int) -> None:
        path = self._path(number)
        if number in self._pending or path.exists():
            return
        if self._closed:
            raise RuntimeError("expected an open pool, got one that was closed")
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers, mp_context=get_context("spawn"), initializer=_quiet_worker
            )
        self._pending[number] = self._executor.submit(self._maker(number, path))

    def _path(self, number: int) -> Path:
        return self._folder / f"chunk-{number:05d}.safetensors"


@contextmanager
def _deaths_told() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise UserError(
            "the process that makes training clips died (out of memory?); lower data.workers and "
            "run again to continue, or begin anew with a smaller data.chunk; a script of your "
            "own needs its calls under if __name__ == '__main__'"
        ) from error


def _quiet_worker() -> None:
    """One thread a process; the only signal that counts is the trainer's order, which cleans up."""
    torch.set_num_threads(1)
    signal.signal(END, lambda *_: sys.exit())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent()
