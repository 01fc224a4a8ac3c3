"""Stages `flow` and `onpolicy`: the generator on cached latents."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from kinecast.flow import times
from kinecast.flow.loss import flow_matching, visibility_weight
from kinecast.flow.onpolicy import rollout_loss
from kinecast.flow.path import path
from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train.draw import first, normal, rows
from kinecast.train.history_pool import HistoryPool
from kinecast.train.loop import stage_key
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.paper_latents import LatentBatch, latent_cache
from kinecast.train.recipe import Optim
from kinecast.train.schedule import batch_size
from kinecast.train.validate import Validation

TUBE = 0.05  # sigma of eq. 8
ROLLOUT_STEPS, ROLLOUT_CLIPS, ROLLOUT_WEIGHT = 8, 8, 0.1  # appendix A.3


class FlowStage:
    """Visibility-weighted flow matching with tube noise (TrajLoom, section 3.3.2)."""

    name = "flow"

    def __init__(
        self, system: PaperTrajLoom, pool: HistoryPool, optim: Optim, device: torch.device
    ) -> None:
        self.module = system.generator
        self._system, self._device, self._optim = system, device, optim
        self.latents = latent_cache(system, pool, device)
        self._validation = Validation(pool.validation(), mean=MeanMotion(pool))

    def batch(self, step: int) -> LatentBatch:
        """Cached latents."""
        return self.latents.batch(step, batch_size(self._optim, step), stage_key(self.name))

    def loss(self, batch: LatentBatch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Eq. 9."""
        loss, _ = self._matching(batch, draw)
        return loss, {}

    def validate(self) -> dict[str, float]:
        """Samples on held-out clips, beside the trivial baselines."""
        return self._validation.scores(self._system, self._device)

    def pictures(self) -> dict[str, np.ndarray]:
        """See `Validation.pictures`."""
        return self._validation.pictures(self._system, self._device)

    def finish(self) -> None:
        """Nothing to do."""

    def _matching(self, batch: LatentBatch, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """The loss, and the source states it used."""
        z, cond = batch.future, self._cond(batch)
        source = self._system.source(self._noise(z, draw), cond)
        t = rows(draw, len(z), lambda n: times.mixture(n, draw)).to(self._device)
        z_t, velocity = path(source, z, t, tube=TUBE * self._noise(z, draw))
        predicted = self._system.velocity(z_t, t, cond)
        return flow_matching(predicted, velocity, _weight(batch)), source

    def _cond(self, batch: LatentBatch) -> dict[str, Any]:
        context = self._system.context(batch.history, batch.history_visible)
        return {"last": batch.history[:, -1], "context": context}

    def _noise(self, z: Tensor, draw: torch.Generator) -> Tensor:
        return normal(draw, tuple(z.shape)).to(self._device)


class OnPolicyStage(FlowStage):
    """Flow matching as before, plus K-step rollouts of a part of the batch (eq. 10 to 14)."""

    name = "onpolicy"

    def loss(self, batch: LatentBatch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Eq. 14; the K evaluations are checkpointed, their activations would not fit."""
        matching, source = self._matching(batch, draw)
        count, part = first(draw, len(batch), ROLLOUT_CLIPS)
        if not count:  # the rollouts of this step are other processes' work
            return matching, {"matching": matching.item(), "endpoint": 0.0, "consistency": 0.0}
        few = batch.rows(slice(count))
        cond = self._cond(few)

        def velocity(z: Tensor, t: Tensor) -> Tensor:
            v: Tensor = checkpoint(self._system.velocity, z, t, cond, use_reentrant=False)
            return v

        grid = times.logit_spaced(ROLLOUT_STEPS)
        terms = rollout_loss(velocity, source[: len(few)], few.future, grid, _weight(few))
        parts = {
            "matching": matching.item(),
            "endpoint": part * terms.endpoint.item(),
            "consistency": part * terms.consistency.item(),
        }
        return matching + ROLLOUT_WEIGHT * part * terms.total, parts


def _weight(batch: LatentBatch) -> Tensor:
    return visibility_weight(batch.future_visible > 0.5)
