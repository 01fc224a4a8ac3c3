"""Stage `variety`: the sampler as it is run, so that one future of eight is close to the truth.

Flow matching spreads samples as the residuals of the training worlds are spread, and a small
network in ten steps does so only roughly: too far where nothing will happen, and without the one
thing that most errors have in common, the camera. Here futures are drawn and compared with what
came. The best of `SAMPLES` is pulled to the truth (the variety loss of Gupta et al., Social GAN,
2018, eq. 3), and so is the mean of it and its mirror image: what all samples share stays where the
mean belongs. The generator, the predicted scale and the spread of the source learn together.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.systems.base import Cond, FieldBatch
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.draw import normal, own, whole
from kinecast.train.history_pool import HistoryPool
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.small_mean import (
    SHORT,
    average,
    share_of,
    shortened,
    target,
    trivial,
    worth,
)
from kinecast.train.stage import Batch
from kinecast.train.validate import Validation

SAMPLES = 8  # in mirrored pairs, as a forecast draws them
STEPS, GLANCE = 3, 2  # of the sampler: where gradients flow, and to find the best
MEAN_WEIGHT = 0.5
# What the fitted spread of the source starts from, as factors on what all tokens share, on the
# other smooth modes and on the rest: what won on validation clips before anything was trained.
COMMON, MODES, REST = 0.5, 0.2, 0.1
TINY = 1e-6  # square pixels: a distance of 0 has no slope


class VarietyStage:
    """Trains on samples; the mean and the tokens of the history stay as they are."""

    def __init__(self, system: TrajLoom, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._device = system, device
        self._validation = Validation(pool.validation()[:4], samples=SAMPLES, mean=MeanMotion(pool))
        with torch.no_grad():
            system.source_noise.rest_std *= REST
            system.source_noise.mode_std *= MODES
            system.source_noise.mode_std[0] *= COMMON / MODES

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Error of the best future and of the mean, each over what a pixel counts in its clip."""
        everyone = shortened(whole(draw, batch), draw)
        history, future = (share_of(draw, field) for field in everyone)
        with torch.no_grad():
            code = self._system.history(history)
        code = replace(code, log_scale=self._system.history.scale(code.tokens))
        cond = self._system.around(code, history)
        moved = target(history, future)
        value = own(draw, _value(*everyone))

        half = normal(draw, (len(moved), SAMPLES // 2, *self._system.latent_shape(cond)))
        noise = torch.cat([half, -half], dim=1).to(self._device)
        times, glance = _times(STEPS, draw), _times(GLANCE, draw)

        def error(future_xy: Tensor) -> Float[Tensor, " b"]:
            return (_errors(future_xy - moved, future) * value).mean(1)

        with torch.no_grad():
            errors = torch.stack(
                [error(self._future(noise[:, k], cond, glance)) for k in range(SAMPLES)], dim=1
            )
        best = noise[torch.arange(len(noise)), errors.argmin(1)]
        one, other = (self._future(n, cond, times) for n in (best, -best))
        variety, mean = error(one).mean(), error((one + other) / 2).mean()
        loss = variety + MEAN_WEIGHT * mean
        return loss, {"best": variety.item(), "mean": mean.item(), "one": errors.mean().item()}

    def validate(self) -> dict[str, float]:
        """Samples on held-out clips, beside the trivial baselines; "model" is mean and best."""
        scores = self._validation.scores(self._system, self._device)
        mean, best = scores.pop("model"), scores[f"best of {SAMPLES}"]
        return {"model": (mean + best) / 2, "mean": mean, **scores}

    def pictures(self) -> dict[str, np.ndarray]:
        """See `Validation.pictures`."""
        return self._validation.pictures(self._system, self._device)

    def finish(self) -> None:
        """Nothing to do."""

    def _future(
        self, noise: Float[Tensor, "b 1 n c"], cond: Cond, times: Float[Tensor, " times"]
    ) -> Float[Tensor, "b t h w 2"]:
        """Displacements, by Euler steps that gradients flow through."""
        system = self._system
        z = system.source(noise, cond).float()
        for t, t_next in pairwise(times.tolist()):
            here = torch.full((len(z),), t, device=z.device)
            z = z + (t_next - t) * system.velocity(z, here, cond).float()
        return system.displacement(z, cond)


def _value(history: FieldBatch, future: FieldBatch) -> Float[Tensor, "b 2"]:
    """What a pixel of error counts in each clip, in the short and in the whole horizon."""
    moved = target(history, future)
    usual = _errors(trivial(history, moved.shape[1]) - moved, future)
    return torch.stack([worth(u) for u in usual.unbind(1)], dim=1)


def _errors(gap: Float[Tensor, "b t h w 2"], future: FieldBatch) -> Float[Tensor, "b 2"]:
    """Mean distance over visible points, of the short and of the whole horizon."""
    distance = (gap.square().sum(-1) + TINY).sqrt()
    horizons = (SHORT, distance.shape[1])
    return torch.stack([average(distance[:, :h], future.visible[:, :h]) for h in horizons], dim=1)


def _times(steps: int, draw: torch.Generator) -> Float[Tensor, " times"]:
    """0 to 1 in steps of random lengths: the field is trained at all times, for any step count."""
    inner = (torch.arange(1, steps) + torch.rand(steps - 1, generator=draw) - 0.5) / steps
    return torch.cat([torch.zeros(1), inner, torch.ones(1)])
