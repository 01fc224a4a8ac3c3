"""Windows of the clips of many shards: shuffled, resumable, split across ranks.

Where a run stands is one number, so that stopping and resuming, on as many processes as before or
on others, sees every window of an epoch once.
"""

import warnings
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.augment import window
from kinecast.data.leakage import check_disjoint
from kinecast.data.shards import DamageError, OnDamage, Shard, open_shard
from kinecast.data.shards.damage import check_on_damage

_OPEN = 64  # shards held open at a time
_ORDER = 17  # key of the draw of an epoch's order


@dataclass(frozen=True)
class Windows:
    """How clips are cut.

    Attributes:
        length: frames of a window, or None: whole clips, each as long as it is.
        hop: frames of the clip from one window to the next; None: windows do not overlap.
        step: every step-th frame of the clip; its fps falls with it.

    Raises:
        UserError: a length, hop or step below 1, or a hop for whole clips.
    """

    length: int | None = None
    hop: int | None = None
    step: int = 1

    def __post_init__(self) -> None:
        numbers = (self.length, self.hop, self.step)
        if any(number is not None and number < 1 for number in numbers):
            raise UserError(f"expected length, hop and step of 1 or more, got {self}")
        if self.length is None and self.hop is not None:
            raise UserError(f"expected a length beside hop={self.hop}; whole clips have no hop")

    @property
    def span(self) -> int:
        """Frames of a clip that a window reaches over; 1 for whole clips."""
        return 1 if self.length is None else (self.length - 1) * self.step + 1

    def count(self, frames: int) -> int:
        """Windows in a clip of so many frames; too short a clip has none."""
        if self.length is None:
            return 1
        hop = self.hop or self.length * self.step
        return max(0, (frames - self.span) // hop + 1)

    def cut(self, clip: Clip, k: int, first_only: bool = False) -> Clip:
        """Window k of a clip; without a video where that would have no picture.

        Args:
            clip: whole.
            k: in [0, count).
            first_only: only the clip's first picture is stored.
        """
        length = self.length
        if length is None:
            length = -(-len(clip.tracks) // self.step)
        start = k * (self.hop or length * self.step)
        if first_only and start > 0:
            clip = replace(clip, video=None)
        return window(clip, start, length, self.step)


@dataclass(frozen=True)
class Position:
    """Where a run stands: `done` windows of an epoch have been taken, by all ranks together."""

    epoch: int = 0
    done: int = 0


class ClipDataset:
    """Windows of shards, by index; a map-style data set for torch's DataLoader.

    Attributes:
        damage: the shards and clips that were skipped, in this process.

    Args:
        paths: shards; their order and content are part of the data set.
        windows: how clips are cut.
        on_damage: "raise", or "skip": a damaged shard is left out and a damaged clip is None, each
            with a warning that names it.

    Raises:
        UserError: no shards or no window in them; DamageError where damage is raised.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        windows: Windows | None = None,
        on_damage: OnDamage = "raise",
    ) -> None:
        check_on_damage(on_damage)
        self._windows = windows or Windows()
        self._on_damage = on_damage
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self.damage: list[DamageError] = []
        self.paths: list[Path] = []
        counts: list[int] = []
        self._first_clip = [0]  # of each shard, among all clips
        for path in map(Path, paths):
            try:
                shard = open_shard(path)
            except DamageError as error:
                self._report(error)
                continue
            self.paths.append(path)
            counts += [self._windows.count(frames) for frames in shard.frames]
            self._first_clip.append(len(counts))
        self._first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])  # window of a clip
        if len(self) == 0:
            raise UserError(
                f"expected shards with clips of {self._windows.span} frames or more, "
                f"got {len(counts)} clips in {len(paths)} shards and no window"
            )

    def __len__(self) -> int:
        """Number of windows."""
        return int(self._first[-1])

    def __getitem__(self, i: int) -> Clip | None:
        """Window i, in the order of the shards; None for a damaged clip that is skipped.

        Raises:
            IndexError: i is not in [0, len).
            DamageError: the clip is damaged, where damage is raised.
        """
        if not 0 <= i < len(self):
            raise IndexError(f"expected a window in [0, {len(self)}), got {i}")
        clip = int(np.searchsorted(self._first, i, side="right")) - 1
        number = int(np.searchsorted(self._first_clip, clip, side="right")) - 1
        try:
            shard = self._shard(number)
            found = shard[clip - self._first_clip[number]]
        except DamageError as error:
            self._report(error)
            return None
        return self._windows.cut(found, i - int(self._first[clip]), shard.pictures == "first")

    def stream(self, sampler: "Sampler") -> Iterator[Clip]:
        """Windows in a sampler's order; damaged ones are left out."""
        for i in sampler:
            found = self[i]
            if found is not None:
                yield found

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__ | {"_open": OrderedDict()}  # files are opened anew in a worker

    def _shard(self, number: int) -> Shard:
        shard = self._open.pop(number, None) or open_shard(self.paths[number])
        self._open[number] = shard
        if len(self._open) > _OPEN:
            self._open.popitem(last=False)
        return shard

    def _report(self, error: DamageError) -> None:
        if self._on_damage == "raise":
            raise error
        self.damage.append(error)
        warnings.warn(f"skipped: {error}", stacklevel=3)


def train_and_validation(
    train: Sequence[str | Path],
    validation: Sequence[str | Path],
    windows: Windows | None = None,
) -> tuple[ClipDataset, ClipDataset]:
    """The two data sets of a training run, of shards that have no clip in common.

    Raises:
        UserError: they share clips (data/leakage.py says what counts); as `ClipDataset`.
        DamageError: a damaged shard: what cannot be read cannot be cleared.
    """
    check_disjoint(train, validation)
    return ClipDataset(train, windows), ClipDataset(validation, windows)


class Sampler:
    """The order in which a rank takes windows: one epoch, from a position on.

    Rank r of R takes every R-th window of the epoch's order, so ranks neither overlap nor lose any;
    where they do not divide evenly, the first ranks take one more. It is also a sampler for torch's
    DataLoader: that splits the work among its workers and keeps the order.

    Args:
        count: windows in the data set.
        seed: of the order; None: the order of the shards.
        position: where to begin.
        rank, ranks: of this process.

    Raises:
        UserError: a rank or position that does not exist.
    """

    def __init__(
        self,
        count: int,
        *,
        seed: int | None,
        position: Position | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        position = position or Position()
        if not 0 <= rank < ranks:
            raise UserError(f"expected a rank in [0, {ranks}), got {rank}")
        if position.epoch < 0 or not 0 <= position.done <= count:
            raise UserError(f"expected a position inside {count} windows, got {position}")
        self._count, self._seed = count, seed
        self._position, self._rank, self._ranks = position, rank, ranks

    def __len__(self) -> int:
        """Windows left for this rank."""
        left = self._count - self._position.done
        return max(0, -(-(left - self._rank) // self._ranks))

    def __iter__(self) -> Iterator[int]:
        return iter(self.order()[self._position.done + self._rank :: self._ranks].tolist())

    def order(self) -> Int64[np.ndarray, " n"]:
        """The windows of the whole epoch in order, of all ranks."""
        order = np.arange(self._count)
        if self._seed is None:
            return order
        return np.random.default_rng([self._seed, _ORDER, self._position.epoch]).permutation(order)

    def after(self, taken: int) -> Position:
        """The position when every rank has taken `taken` windows; the next epoch at the end."""
        done = self._position.done + taken * self._ranks
        if done >= self._count:
            return Position(self._position.epoch + 1)
        return Position(self._position.epoch, done)
