"""Score a system on held-out clips, beside the trivial baselines.

The errors are those of `kinecast forecast --score`: pixels, over the visible points of the future,
averaged over clips.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.core.tracks import Tracks
from kinecast.flow.sampler import Sampler, euler, uniform_times
from kinecast.forecast import baselines
from kinecast.metrics import displacement
from kinecast.systems.base import System
from kinecast.train import mean_motion
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.pictures import horizon_chart, latent_chart, over_horizon, overlay
from kinecast.train.stage import Batch

BASELINES = ("constant_position", "damped_8_0.98", "damped_4_0.9")
NOISE_SEED = 1_000_033
SHOWN = 8  # clips that the pictures of a validation are made of


class Validation:
    """Held-out clips; the baselines are scored once, when the first scores are asked for."""

    def __init__(
        self,
        batches: Sequence[Batch],
        samples: int = 4,
        steps: int = 10,
        sampler: Sampler = euler,
        mean: MeanMotion | None = None,
    ) -> None:
        """Score `samples` futures a clip, drawn in `steps` steps, the noise fixed.

        `mean`, where it is known, stands among the baselines.
        """
        self._batches, self._mean = batches, mean
        self._samples = samples
        self._steps, self._sampler = steps, sampler
        self._trivial: dict[str, float] | None = None

    @torch.no_grad()
    def scores(self, system: System, device: torch.device) -> dict[str, float]:
        """ADE of the samples' mean ("model"), of moving points, of the best and of one sample.

        The trivial baselines follow, by their names.
        """
        if self._trivial is None:
            self._trivial = _means(
                [self._baseline_scores(b, i) for b in self._batches for i in range(len(b))]
            )
        rows, first = [], 0
        for batch in self._batches:
            futures = self.futures(system, batch.to(device), first)
            rows += [self._clip_scores(batch, i, futures[i]) for i in range(len(batch))]
            first += len(batch)
        return {**_means(rows), **self._trivial}

    @torch.no_grad()
    def pictures(self, system: System, device: torch.device) -> dict[str, np.ndarray]:
        """A held-out clip's futures, the error over the horizon beside the baselines', latents."""
        few = self._batches[0].rows(slice(SHOWN)).to(device)
        sampled = self.futures(system, few, 0)
        history, truth = clip_of(few, 0)
        fan = [replace(truth, xy=xy[: len(truth)]) for xy in sampled[0]]
        rows = [_horizon(few, i, sampled[i]) for i in range(len(few))]
        errors = {name: np.nanmean([row[name] for row in rows], axis=0) for name in rows[0]}
        past, future = few.fields()
        z = system.encode(future, system.condition(past)).mean
        latents = {"latents": z, "normal": rng.sample_noise(NOISE_SEED, [0], tuple(z.shape))}
        return {
            "forecast": overlay(history, fan),
            "error_over_horizon": horizon_chart("held-out clips: mean of samples", errors),
            "latents": latent_chart("latents of held-out futures", latents),
        }

    def futures(self, system: System, batch: Batch, first: int) -> np.ndarray:
        """Pixels (b, k, t, n, 2); noise is keyed by the clip's place in the set and the sample."""
        history, _ = batch.fields()
        cond = system.condition(history)
        shape = system.latent_shape(cond)
        futures = []
        for sample in range(self._samples):
            clips = [(first + i) * self._samples + sample for i in range(len(batch))]
            noise = rng.sample_noise(NOISE_SEED, clips, shape).to(batch.xy.device)
            z = self._sampler(
                lambda z, t: system.velocity(z, t, cond),
                system.source(noise, cond),
                uniform_times(self._steps),
                system.pin(cond),
            )
            xy, _ = system.decode(z, cond)
            futures.append(coords.denormalise(xy.float(), batch.size).flatten(2, 3))
        return torch.stack(futures, dim=1).cpu().numpy()

    def _clip_scores(self, batch: Batch, i: int, xy: np.ndarray) -> dict[str, float]:
        history, truth = clip_of(batch, i)
        xy = xy[:, : len(truth)]
        everything = np.ones(truth.count, bool)
        whole = displacement.of_samples(xy, truth, everything)
        moving = displacement.of_samples(xy, truth, displacement.moving(truth, history))
        return {
            "model": whole["mean_ade"],
            "moving": moving["mean_ade"],
            f"best of {self._samples}": whole["best_ade"],
            "one sample": whole["sample_ade"],
        }

    def _baseline_scores(self, batch: Batch, i: int) -> dict[str, float]:
        history, truth = clip_of(batch, i)
        everything, frames = np.ones(truth.count, bool), len(truth)
        guesses = {name: baselines.forecast(name, history, frames).xy for name in BASELINES}
        if self._mean is not None:
            guesses[mean_motion.NAME] = self._mean.forecast(history, frames)
        return {name: displacement.ade(xy, truth, everything) for name, xy in guesses.items()}


def clip_of(batch: Batch, i: int) -> tuple[Tracks, Tracks]:
    """The tracked history and the exact future of one clip."""
    P = batch.history
    return (
        _tracks(batch.noisy_xy[i], batch.noisy_visible[i], batch),
        _tracks(batch.xy[i, P:], batch.visible[i, P:], batch),
    )


def _tracks(xy: Tensor, visible: Tensor, batch: Batch) -> Tracks:
    return Tracks(
        xy=xy.flatten(1, 2).cpu().numpy(),
        visible=visible.flatten(1, 2).cpu().numpy(),
        size=batch.size,
        grid=batch.grid,
    )


def _horizon(batch: Batch, i: int, xy: np.ndarray) -> dict[str, np.ndarray]:
    history, truth = clip_of(batch, i)
    guesses = {"model": xy[:, : len(truth)].mean(0)}
    guesses |= {name: baselines.forecast(name, history, len(truth)).xy for name in BASELINES}
    return over_horizon(truth, guesses)


def _means(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over clips; a clip without the points in question does not count."""
    return {
        name: float(np.nanmean([row[name] for row in rows]))
        if any(np.isfinite(row[name]) for row in rows)
        else float("nan")
        for name in rows[0]
    }
