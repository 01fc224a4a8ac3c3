"""Stage `flow`: WHN's denoiser, of the points themselves or of latents."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.flow import times
from kinecast.flow.path import path
from kinecast.flow.sampler import euler, uniform_times
from kinecast.metrics.best_of_k import pair_errors
from kinecast.metrics.scene_variance import scene_variance
from kinecast.systems.base import Cond, Posterior
from kinecast.systems.whn.system import WHN
from kinecast.train.draw import normal, rows
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.loop import stage_key
from kinecast.train.recipe import Optim
from kinecast.train.schedule import batch_size
from kinecast.train.whn_latents import EncodedItem, latent_cache
from kinecast.train.whn_pictures import pictures_of
from kinecast.train.whn_score import Trivial, usable

NOISE_SEED = 1_000_033  # of the validation's samples


class FlowStage:
    """Rectified flow from noise to data; the first frame is given, and no part of the loss.

    Source: WHN, section 3.2, appendix C.3 and C.4: logit-normal times, and the weights whose best
    of K samples is nearest on held-out clips.
    """

    def __init__(
        self, system: WHN, pool: ImageClips, device: torch.device, drawn: str, samples: int
    ) -> None:
        """Train the system's denoiser.

        Args:
            system: its VAE, where it has one, is trained.
            pool: its clips.
            device: where the system is.
            drawn: distribution of training times, "logit-normal" or "uniform".
            samples: K.
        """
        self.module = system.denoiser
        self._system, self._device, self._drawn, self._samples = system, device, drawn, samples
        self._pool, self._held_out = pool, pool.validation()
        self._baselines: Trivial | None = None

    def loss(self, batch: ImageItem, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean square of the velocity's error, over all frames; clips that go too far count 0."""
        cond = self._system.condition(batch.images())
        return self._matching(batch, cond, self._system.encode(batch.field(), cond), draw), {}

    def _matching(
        self, batch: ImageItem, cond: Cond, posterior: Posterior, draw: torch.Generator
    ) -> Tensor:
        system, count = self._system, len(batch)
        shape = tuple(posterior.mean.shape)
        data = posterior.mean + posterior.scale * normal(draw, shape).to(self._device)
        noise = normal(draw, shape).to(self._device)
        t = rows(draw, count, self._times(draw)).to(self._device)

        z_t, target = path(noise, data, t)
        (held, _) = system.pin(cond)
        z_t = torch.where(held, system.source(noise, cond), z_t)
        error = (system.velocity(z_t, t, cond).float() - target).masked_fill(held, 0.0)
        each = error.square().flatten(1).mean(1)
        return (each * usable(batch)).mean()

    def validate(self) -> dict[str, float]:
        """Squared errors in pixels^2 (mean over coordinates) on held-out clips, all frames.

        "model" is the best of K samples, "samples' mean" that of their mean, "one sample" the mean
        of theirs; the training clips are as many guesses as there are samples, the best counts.
        """
        trivial = self._trivial()
        scored = []
        for futures, item in self.futures():
            for xy, truth in _clips(futures, item):
                guesses = trivial.forecasts(torch.from_numpy(truth[0]))
                beside = {k: float(pair_errors(v, truth[None]).min()) for k, v in guesses.items()}
                scored.append(self._scores(xy, truth) | beside)
        return {name: float(np.mean([row[name] for row in scored])) for name in scored[0]}

    def pictures(self) -> dict[str, np.ndarray]:
        """A held-out clip's futures, and their errors over the horizon."""
        futures, item = next(self.futures())
        trivial = self._trivial().forecasts(item.xy[0, 0, 0].cpu())
        return pictures_of(item, "futures", futures[0], trivial)

    def finish(self) -> None:
        """Nothing to do."""

    def _times(self, draw: torch.Generator) -> Callable[[int], Tensor]:
        def make(count: int) -> Tensor:
            if self._drawn == "uniform":
                return times.clamped(torch.rand(count, generator=draw))
            return times.clamped(torch.randn(count, generator=draw).sigmoid())

        return make

    def _trivial(self) -> Trivial:
        if self._baselines is None:
            self._baselines = Trivial.of(self._pool, self._samples)
        return self._baselines

    def futures(self) -> Iterator[tuple[Float[np.ndarray, "b k t n 2"], ImageItem]]:
        """Samples of the held-out clips in pixels; noise is keyed by clip and sample."""
        system, first = self._system, 0
        for item in self._held_out:
            item = item.to(self._device)
            cond = system.condition(item.images())
            shape = system.latent_shape(cond)
            futures = []
            for sample in range(self._samples):
                keys = [(first + i) * self._samples + sample for i in range(len(item))]
                noise = rng.sample_noise(NOISE_SEED, keys, shape).to(self._device)
                z = euler(
                    lambda z, t, cond=cond: system.velocity(z, t, cond),
                    system.source(noise, cond),
                    uniform_times(system.needs.steps),
                    system.pin(cond),
                )
                xy, _ = system.decode(z, cond)
                futures.append(coords.denormalise(xy.float(), item.size).flatten(2, 3))
            first += len(item)
            yield torch.stack(futures, dim=1).cpu().numpy(), item

    def _scores(
        self, futures: Float[np.ndarray, "k t n 2"], truth: Float[np.ndarray, "t n 2"]
    ) -> dict[str, float]:
        each = pair_errors(futures, truth[None])[0]
        return {
            "model": float(each.min()),
            "samples' mean": float(pair_errors(futures.mean(0)[None], truth[None])[0, 0]),
            "one sample": float(each.mean()),
            "scene variance": scene_variance(futures),
        }


class LatentFlowStage(FlowStage):
    """The same on latents that are encoded once."""

    name = "flow"

    def __init__(
        self,
        system: WHN,
        pool: ImageClips,
        device: torch.device,
        drawn: str,
        samples: int,
        optim: Optim,
    ) -> None:
        """As `FlowStage`; `optim` decides the clips of a step."""
        super().__init__(system, pool, device, drawn, samples)
        self._optim = optim
        self.latents = latent_cache(system, pool, device)

    def batch(self, step: int) -> EncodedItem:
        """The clips of a step and their latents."""
        asked = (step, batch_size(self._optim, step), stage_key(self.name))
        return EncodedItem(self._pool.batch(*asked), self.latents.batch(*asked))

    def loss(  # type: ignore[override]  # it is given what its own `batch` makes
        self, batch: EncodedItem, draw: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """As `FlowStage.loss`."""
        cond = {**self._system.seen(batch.clips.images()), "first": batch.latents.first()}
        return self._matching(batch.clips, cond, batch.latents.window(), draw), {}


def _clips(values: np.ndarray, item: ImageItem) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(value, true positions) of every clip that counts."""
    truth = item.xy[:, 0].cpu().numpy()
    for i in usable(item).nonzero()[:, 0].tolist():
        yield values[i], truth[i]
