"""Stages `flow` and `onpolicy`: the generator around the frozen mean."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinecast.flow import times
from kinecast.flow.loss import flow_matching
from kinecast.flow.onpolicy import rollout_loss
from kinecast.flow.path import path
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.draw import first, rows, share
from kinecast.train.history_pool import HistoryPool
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.small_mean import latent_target, seen_share, shortened
from kinecast.train.stage import Batch
from kinecast.train.validate import Validation

ROLLOUT_STEPS, ROLLOUT_CLIPS, ROLLOUT_WEIGHT = 8, 8, 0.1  # TrajLoom, appendix A.3


class FlowStage:
    """Weighted flow matching from the smooth source to the residual latents of the future."""

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._device = system, device
        self._validation = Validation(pool.validation()[:4], samples=8, mean=MeanMotion(pool))

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Eq. 9, weighted by visibility and by what a channel is worth in pixels."""
        cond, z, weight = self._example(batch, draw)
        noise = self._noise(z, cond, draw)
        t = rows(draw, len(z), lambda n: times.mixture(n, draw)).to(self._device)
        z_t, velocity = path(noise, z, t)
        loss = flow_matching(self._system.velocity(z_t, t, cond), velocity, weight)
        return loss, {}

    def validate(self) -> dict[str, float]:
        """Samples on held-out clips, beside the trivial baselines."""
        return self._validation.scores(self._system, self._device)

    def pictures(self) -> dict[str, np.ndarray]:
        """See `Validation.pictures`."""
        return self._validation.pictures(self._system, self._device)

    def finish(self) -> None:
        """Nothing to do."""

    def _example(
        self, batch: Batch, draw: torch.Generator
    ) -> tuple[dict[str, Any], Tensor, Tensor]:
        history, future = shortened(batch, draw)
        system = self._system
        with torch.no_grad():
            code = system.history(history)
            z = latent_target(system, future, system.around(code, history))
            pixels = code.log_scale.exp() * system.codec.scale  # RMS of a latent, reference pixels
            weight = (seen_share(future, system)[..., None] * pixels)[:, None]
        return system.around(code, history), z, weight

    def _noise(
        self, z: Tensor, cond: dict[str, Any], draw: torch.Generator, among: int | None = None
    ) -> Tensor:
        def make(n: int) -> Tensor:
            return torch.randn(n, *z.shape[1:], generator=draw)

        return self._system.source(rows(draw, len(z), make, among).to(self._device), cond)


class OnPolicyStage(FlowStage):
    """Flow matching as before, plus K-step rollouts of a part of the batch (eq. 10 to 14)."""

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Eq. 14."""
        matching, _ = super().loss(batch, draw)
        among = min(ROLLOUT_CLIPS, len(batch) * share(draw)[1])
        count, part = first(draw, len(batch), ROLLOUT_CLIPS)
        if not count:  # the rollouts of this step are other processes' work
            return matching, {"matching": matching.item(), "endpoint": 0.0, "consistency": 0.0}
        few = batch.rows(slice(count))
        cond, z, weight = self._example(few, draw)
        terms = rollout_loss(
            lambda z_t, t: self._system.velocity(z_t, t, cond),
            self._noise(z, cond, draw, among),
            z,
            times.logit_spaced(ROLLOUT_STEPS),
            weight,
        )
        loss = matching + ROLLOUT_WEIGHT * part * terms.total
        return loss, {
            "matching": matching.item(),
            "endpoint": part * terms.endpoint.item(),
            "consistency": part * terms.consistency.item(),
        }
