"""The pool that a recipe's data asks for."""

from pathlib import Path
from typing import Any

import torch

from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.images import ImageClips
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Data, ImageData, Recipe
from kinecast.train.shard_pool import ShardPool


def open_pool(recipe: Recipe, folder: Path, device: torch.device) -> ChunkPool[Any]:
    """Clips of simulated worlds, of shards, or with pictures; close it to end its processes.

    Args:
        recipe: whose `data` and `seed` decide.
        folder: of the chunks.
        device: that encoders of pictures and texts run on.

    Raises:
        UserError: as the pools; a stage whose batch the clips cannot fill.
    """
    pool = _pool_of(recipe.data, recipe.seed, folder, device)
    for optim in recipe.stages.values():
        if optim.steps:
            pool.check_batch(optim.batch)  # before hours of other stages
    return pool


def _pool_of(
    data: Data | ImageData, seed: int, folder: Path, device: torch.device
) -> ChunkPool[Any]:
    if isinstance(data, ImageData):
        return ImageClips(data, seed, folder, device)
    return ShardPool(data, seed, folder) if data.shards else WorldPool(data, seed, folder)
