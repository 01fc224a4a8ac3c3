"""The clips of a folder of shards, in two sets that share no recording."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.data.leakage import Recording, recordings
from kinecast.data.shards import open_shard
from kinecast.data.shards.schema import SUFFIX

REPEATS = 4  # times that a batch may hold a clip, augmented anew each time
HELD_OUT = 0.1  # share of the clips that are kept for validation, at most
_CHUNKS = 15  # key of the order in which clips go into chunks


@dataclass(frozen=True)
class Stored:
    """A clip of a shard."""

    path: Path
    index: int


@dataclass(frozen=True)
class Split:
    """Clips to train on and those held out.

    Attributes:
        train, held_out: in the order of the shards.
        digest: of the shards.
    """

    train: tuple[Stored, ...]
    held_out: tuple[Stored, ...]
    digest: str


def find_shards(folder: Path) -> list[Path]:
    """The shards of a folder, by name, or the one that is named.

    Raises:
        UserError: there is none.
    """
    if folder.is_file():
        return [folder]
    found = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    if not found:
        raise UserError(
            f"expected data.shards as a folder with *{SUFFIX} files (kinecast prepare VIDEOS --out "
            f"DIR makes one), got {folder}"
        )
    return found


def split(folder: Path, frames: int, validation: int) -> Split:
    """Clips of at least `frames` frames; a tenth, at most `validation`, is held out.

    Whole recordings are held out, as far as the guard against leakage can tell (`data.leakage`).
    Which ones depends on their content alone.

    Raises:
        UserError: no shards, no clip that is long enough, or a single recording.
        DamageError: a damaged shard.
    """
    shards = [open_shard(path) for path in find_shards(folder.absolute())]
    clips = [Stored(shard.path, i) for shard in shards for i in range(len(shard))]
    lengths = [length for shard in shards for length in shard.frames]
    usable = [i for i, length in enumerate(lengths) if length >= frames]
    if not usable:
        raise UserError(
            f"expected clips of at least {frames} frames in {folder}, the longest of {len(clips)} "
            f"has {max(lengths)}; prepare the videos with --frames {frames}, or train on shorter "
            "windows"
        )
    found = _of(usable, recordings([shard.path for shard in shards]))
    if len(found) < 2:
        raise UserError(
            f"expected clips of two recordings or more in {folder} (one is held out to validate "
            f"on), got {len(usable)} of one; prepare more videos"
        )
    held = _held_out(found, len(usable), validation)
    return Split(
        train=tuple(clips[i] for i in usable if i not in held),
        held_out=tuple(clips[i] for i in usable if i in held),
        digest=hashlib.sha256("".join(shard.digest for shard in shards).encode()).hexdigest(),
    )


def chunked(clips: Sequence[Stored], most: int, seed: int) -> list[Sequence[Stored]]:
    """Chunks of one length, at most `most` and a few, that hold every clip; shuffled by the seed.

    The last ones share some clips where they do not divide evenly.
    """
    count = max(1, len(clips) // most)
    length = -(-len(clips) // count)
    order = torch.randperm(len(clips), generator=rng.generator(seed, _CHUNKS)).tolist()
    starts = [min(i * length, len(clips) - length) for i in range(count)]
    return [[clips[i] for i in order[start : start + length]] for start in starts]


def too_few(clips: int, batch: int) -> str:
    """The message for a batch that so few clips cannot fill."""
    return (
        f"expected at least {-(-batch // REPEATS)} clips of shards to train on with a batch of "
        f"{batch} (a clip at most {REPEATS} times in a batch), got {clips} beside those held out "
        "for validation; prepare more videos, or set a smaller batch"
    )


def _of(usable: Sequence[int], found: Sequence[Recording]) -> list[list[int]]:
    """The usable clips of each recording that has any, in an order that content alone decides."""
    wanted = set(usable)
    ordered = sorted(found, key=lambda recording: recording.key)
    parts = [[i for i in recording.clips if i in wanted] for recording in ordered]
    return [part for part in parts if part]


def _held_out(found: Sequence[Sequence[int]], clips: int, validation: int) -> set[int]:
    """Whole recordings until there are enough clips, never more than half of all."""
    target = min(validation, max(1, int(HELD_OUT * clips)))
    held: set[int] = set()
    for part in found:
        if len(held) < target and 2 * (len(held) + len(part)) <= clips:
            held.update(part)
    return held
