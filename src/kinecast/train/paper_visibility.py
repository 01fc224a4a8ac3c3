"""Stage `visibility`: which tokens are seen, from clean latents."""

import torch
from torch import Tensor
from torch.nn import functional as F

from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train.history_pool import HistoryPool
from kinecast.train.loop import stage_key
from kinecast.train.paper_latents import LatentBatch, latent_cache, latents_of
from kinecast.train.recipe import Optim
from kinecast.train.schedule import batch_size


class VisibilityStage:
    """Binary cross-entropy on pooled visibility of both windows (TrajLoom, appendix E.3)."""

    def __init__(
        self, system: PaperTrajLoom, pool: HistoryPool, optim: Optim, device: torch.device
    ) -> None:
        self.module = system.visibility
        self._device, self._optim = device, optim
        self.latents = latent_cache(system, pool, device)
        self._held_out = [latents_of(system, batch.to(device)) for batch in pool.validation()]

    def batch(self, step: int) -> LatentBatch:
        """Cached latents."""
        return self.latents.batch(step, batch_size(self._optim, step), stage_key("visibility"))

    def loss(self, batch: LatentBatch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean over steps and tokens of both windows."""
        last = batch.history[:, -1].repeat(2, 1, 1)
        logits = self.module(torch.cat([batch.history, batch.future]), last)
        seen = torch.cat([batch.history_visible, batch.future_visible])
        return F.binary_cross_entropy_with_logits(logits.float(), seen), {}

    def validate(self) -> dict[str, float]:
        """Cross-entropy on futures, beside one probability, and one for each state last seen."""
        logits, seen, before = [], [], []
        for batch in self._held_out:
            logits.append(self.module(batch.future, batch.history[:, -1]).float())
            seen.append(batch.future_visible)
            before.append(batch.history_visible[:, -1:].expand_as(batch.future_visible))
        truth, last = torch.cat(seen), torch.cat(before)
        return {
            "model": F.binary_cross_entropy_with_logits(torch.cat(logits), truth).item(),
            "predict the mean": _entropy(truth),
            "as last seen": _given(truth, last),
        }

    def finish(self) -> None:
        """Nothing to do."""


def _entropy(truth: Tensor) -> float:
    """Cross-entropy of the best constant probability."""
    rate = truth.mean().expand_as(truth)
    return F.binary_cross_entropy(rate, truth).item()


def _given(truth: Tensor, known: Tensor) -> float:
    """Cross-entropy of the best probability for each value of `known` (0 or 1)."""
    rate = torch.zeros_like(truth)
    for value in (0.0, 1.0):
        where = known == value
        if where.any():
            rate[where] = truth[where].mean()
    return F.binary_cross_entropy(rate, truth).item()
