"""Latents of the pool's clips, encoded once by a frozen VAE and kept on disk.

The cache follows the pool: for every pass over a chunk there is one file a frame size, with the
latents of that pass's augmented clips; passes without augmentation share theirs. When the pool
starts again, so does the cache.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.train import checkpoint
from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.once import made_once

ENCODE = 12  # key of the augmentation of cached clips
AT_ONCE = 16  # clips encoded at a time


@dataclass(frozen=True, eq=False)
class Latents:
    """Tensors of clips: the first axis of each is the clips."""

    def __len__(self) -> int:
        return len(next(iter(self.tensors().values())))

    def to(self, device: torch.device) -> Self:
        """The same on a device."""
        return replace(self, **{k: v.to(device) for k, v in self.tensors().items()})

    def take(self, indices: Tensor) -> Self:
        """Some clips, as float32."""
        return replace(self, **{k: v[indices].float() for k, v in self.tensors().items()})

    def rows(self, which: slice) -> Self:
        """Some of the clips."""
        return replace(self, **{k: v[which] for k, v in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


Kind = TypeVar("Kind", bound=Latents)


class LatentCache(Generic[Kind]):
    """Batches of latents, keyed like the pool's batches.

    Attributes:
        folder: where they are kept.
    """

    def __init__(
        self,
        pool: ChunkPool[Any],
        encode: Callable[[int, int, Tensor, torch.Generator], Kind],
        kind: type[Kind],
        weights: Mapping[str, Tensor],
        folder: Path,
        alike: int = 1,
    ) -> None:
        """Keep latents in a sub-folder of `folder` named after the pool, its reuse and the weights.

        Args:
            pool: of the clips.
            encode: (pass, frame size, clips of that shard, what augments them) -> their latents.
            kind: what `encode` gives.
            weights: all that the latents depend on beside the clips.
            folder: of this and other caches.
            alike: passes in a row with the same latents: `data.reuse` where nothing is augmented.
        """
        self._pool, self._encode, self._kind, self._alike = pool, encode, kind, alike
        self.folder = folder / f"{pool.name}-{pool.reuse}-{weights_hash(weights)}"
        self._loaded: dict[int, tuple[int, Kind]] = {}

    def batch(self, step: int, batch: int, *keys: int) -> Kind:
        """The latents of a step; see `ChunkPool.place`."""
        place = self._pool.place(step, batch, *keys)
        number = place.number % self._pool.passes
        return self._shard(number - number % self._alike, place.which).take(place.indices)

    def fill(self) -> Iterator[Path]:
        """Encode every pass over every chunk that is not there yet; gives each file in turn."""
        for number in range(0, self._pool.passes, self._alike):
            for which in range(self._pool.sizes):
                yield self._file(number, which)

    def _file(self, number: int, which: int) -> Path:
        path = self.folder / f"pass-{number:05d}-{which}.safetensors"
        made_once(path, lambda: checkpoint.save(path, self._make(number, which)))
        return path

    def _shard(self, number: int, which: int) -> Kind:
        held = self._loaded.get(which)
        if held is None or held[0] != number:
            path = self._file(number, which)
            tensors, _ = checkpoint.load(path)
            held = self._loaded[which] = (number, self._kind(**tensors))
        return held[1]

    @torch.no_grad()
    def _make(self, number: int, which: int) -> dict[str, Tensor]:
        parts = []
        for start in range(0, self._pool.clips_of_one_size, AT_ONCE):
            stop = min(start + AT_ONCE, self._pool.clips_of_one_size)
            draw = rng.generator(self._pool.seed, ENCODE, number, which, start)
            parts.append(self._encode(number, which, torch.arange(start, stop), draw).tensors())
        return {k: torch.cat([part[k] for part in parts]).half().cpu() for k in parts[0]}


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """A short name for a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        raw = value.detach().cpu().reshape(-1).view(torch.uint8)  # NumPy has no bfloat16
        digest.update(name.encode() + raw.numpy().tobytes())
    return digest.hexdigest()[:12]
