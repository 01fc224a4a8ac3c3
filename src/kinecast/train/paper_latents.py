"""The latents that the generator and the visibility predictor are trained on."""

import torch

from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train.history_pool import HistoryPool
from kinecast.train.latents import LatentBatch, LatentCache
from kinecast.train.paper_vae import held
from kinecast.train.stage import Batch


def latent_cache(system: PaperTrajLoom, pool: HistoryPool, device: torch.device) -> LatentCache:
    """Latents of the pool, by the system's VAE, kept beside the clips."""

    def encode(batch: Batch) -> LatentBatch:
        return latents_of(system, batch.to(device))

    return LatentCache(pool, encode, system.vae, pool.home / "latents")


@torch.no_grad()
def latents_of(system: PaperTrajLoom, batch: Batch) -> LatentBatch:
    """Normalised posterior means of both windows and the pooled visibility of their tokens."""
    past, future = (held(field) for field in batch.fields())
    return LatentBatch(
        history=system.latents(past.xy).mean,
        future=system.latents(future.xy).mean,
        history_visible=system.tokens_seen(past.visible).float(),
        future_visible=system.tokens_seen(future.visible).float(),
    )
