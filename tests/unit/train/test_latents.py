"""The cache of latents follows its pool's passes over the chunks."""

from dataclasses import dataclass

import pytest
import torch

from kinecast.train.chunk_pool import ChunkPool, Layout
from kinecast.train.latents import LatentCache, Latents


class Pool(ChunkPool[None]):
    """Four chunks of two clips, which are not needed."""

    def __init__(self, home, reuse):
        super().__init__("pool", 1, home, Layout(4, 2, 1, reuse), 1)

    def batch(self, step, batch, *keys):
        raise NotImplementedError

    def _maker(self, number, path):
        raise NotImplementedError

    def _read(self, path):
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Chunks(Latents):
    """The latent of a clip is the number of its chunk."""

    z: torch.Tensor


def chunks_seen(home, reuse, alike):
    """Of the clips of all passes, one step each."""

    def encode(number, which, clips, draw):
        return Chunks(torch.full((len(clips),), float(number // reuse)))

    with Pool(home, reuse) as pool:
        cache = LatentCache(pool, encode, Chunks, {}, home, alike)
        return [cache.batch(step, 2).z.unique().tolist() for step in range(4 * reuse)]


@pytest.mark.parametrize("augmented", [True, False])
def test_runs_that_reuse_chunks_otherwise_do_not_share_latents(tmp_path, augmented):
    for reuse in (1, 2, 4):
        seen = chunks_seen(tmp_path, reuse, 1 if augmented else reuse)
        assert seen == [[step // reuse] for step in range(4 * reuse)]
