"""The latents that the generator and the visibility predictor are trained on."""

from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train.history_pool import HistoryPool
from kinecast.train.latents import LatentCache, Latents
from kinecast.train.paper_vae import held
from kinecast.train.recipe import Augment
from kinecast.train.stage import Batch


@dataclass(frozen=True, eq=False)
class LatentBatch(Latents):
    """Latents of history and future, normalised, and the visibility of their tokens (0 to 1)."""

    history: Float[Tensor, "b s n c"]
    future: Float[Tensor, "b t n c"]
    history_visible: Float[Tensor, "b s n"]
    future_visible: Float[Tensor, "b t n"]


def latent_cache(
    system: PaperTrajLoom, pool: HistoryPool, device: torch.device
) -> LatentCache[LatentBatch]:
    """Latents of the pool, by the system's VAE, kept beside the clips."""

    def encode(number: int, which: int, clips: Tensor, draw: torch.Generator) -> LatentBatch:
        return latents_of(system, pool.take(number, which, clips, draw).to(device))

    weights = {
        **system.vae.state_dict(),
        "mean": system.latent_mean,
        "std": system.latent_std,
        **_augmentation(pool.data.augment),
    }
    return LatentCache(pool, encode, LatentBatch, weights, pool.home / "latents")


def _augmentation(augment: Augment) -> dict[str, Tensor]:
    """What latents of augmented clips depend on, as the cache takes it."""
    return {f"augment {k}": torch.tensor(float(v)) for k, v in asdict(augment).items()}


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
