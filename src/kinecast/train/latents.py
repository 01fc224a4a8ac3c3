"""Latents of the pool's clips, encoded once by a frozen VAE and kept on disk.

The cache follows the pool: for every pass over a chunk there is one file a frame size, with the
latents of that pass's augmented clips. When the pool starts again, so does the cache.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import rng
from kinecast.train import checkpoint
from kinecast.train.history_pool import HistoryPool
from kinecast.train.once import made_once
from kinecast.train.stage import Batch

ENCODE = 12  # key of the augmentation of cached clips
AT_ONCE = 16  # clips encoded at a time


@dataclass(frozen=True, eq=False)
class LatentBatch:
    """Latents of history and future, normalised, and the visibility of their tokens (0 to 1)."""

    history: Float[Tensor, "b s n c"]
    future: Float[Tensor, "b t n c"]
    history_visible: Float[Tensor, "b s n"]
    future_visible: Float[Tensor, "b t n"]

    def __len__(self) -> int:
        return len(self.history)

    def to(self, device: torch.device) -> "LatentBatch":
        """The same on a device."""
        return replace(self, **{k: v.to(device) for k, v in self.tensors().items()})

    def take(self, indices: Tensor) -> "LatentBatch":
        """Some clips, as float32."""
        return replace(self, **{k: v[indices].float() for k, v in self.tensors().items()})

    def rows(self, which: slice) -> "LatentBatch":
        """Some of the clips."""
        return replace(self, **{k: v[which] for k, v in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


class LatentCache:
    """Batches of latents, keyed like the pool's batches.

    Attributes:
        folder: where they are kept.
    """

    def __init__(
        self,
        pool: HistoryPool,
        encode: Callable[[Batch], LatentBatch],
        encoder: nn.Module,
        folder: Path,
    ) -> None:
        """Keep the latents of `encode` in a sub-folder named after the weights of `encoder`."""
        self._pool = pool
        self._encode = encode
        self.folder = folder / f"{pool.name}-{weights_hash(encoder)}"
        self._loaded: dict[int, tuple[int, LatentBatch]] = {}

    def batch(self, step: int, batch: int, *keys: int) -> LatentBatch:
        """The latents of a step; see `HistoryPool.place`."""
        place = self._pool.place(step, batch, *keys)
        return self._shard(place.number % self._pool.passes, place.which).take(place.indices)

    def fill(self) -> Iterator[Path]:
        """Encode every pass over every chunk that is not there yet; gives each file in turn."""
        for number in range(self._pool.passes):
            for which in range(len(self._pool.data.sizes)):
                yield self._file(number, which)

    def _file(self, number: int, which: int) -> Path:
        path = self.folder / f"pass-{number:05d}-{which}.safetensors"
        made_once(path, lambda: checkpoint.save(path, self._make(number, which)))
        return path

    def _shard(self, number: int, which: int) -> LatentBatch:
        held = self._loaded.get(which)
        if held is None or held[0] != number:
            path = self._file(number, which)
            tensors, _ = checkpoint.load(path)
            held = self._loaded[which] = (number, LatentBatch(**tensors))
        return held[1]

    @torch.no_grad()
    def _make(self, number: int, which: int) -> dict[str, Tensor]:
        parts = []
        for start in range(0, self._pool.clips_of_one_size, AT_ONCE):
            stop = min(start + AT_ONCE, self._pool.clips_of_one_size)
            draw = rng.generator(self._pool.seed, ENCODE, number, which, start)
            clips = self._pool.take(number, which, torch.arange(start, stop), draw)
            parts.append(self._encode(clips).tensors())
        return {k: torch.cat([part[k] for part in parts]).half().cpu() for k in parts[0]}


def weights_hash(module: nn.Module) -> str:
    """A short name for a module's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
