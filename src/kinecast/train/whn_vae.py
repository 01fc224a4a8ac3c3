"""Stage `vae`: windows of points, reconstructed given their image."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.flow.stats import RunningStats
from kinecast.systems.base import Posterior
from kinecast.systems.whn.elbo import elbo
from kinecast.systems.whn.vae import Context
from kinecast.train.draw import normal
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.pictures import latent_chart
from kinecast.train.whn_network import Autoencoding
from kinecast.train.whn_pictures import pictures_of
from kinecast.train.whn_score import Trivial, usable

STATS_CLIPS = 1024
STATS_BATCH = 16
STATS_KEY = 13  # of the random numbers that the latents of the statistics are sampled with


class VAEStage:
    """WHN, section 3.1; the best weights have the lowest L1 on held-out clips (appendix C.3)."""

    def __init__(
        self, system: Autoencoding, pool: ImageClips, device: torch.device, beta: float
    ) -> None:
        assert system.vae is not None
        self.module = system.vae
        self._system, self._pool, self._device, self._beta = system, pool, device, beta
        self._held_out = [item.to(device) for item in pool.validation()]
        self._trivial: Trivial | None = None

    def loss(self, batch: ImageItem, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Minus the bound of a sample of the posterior; clips that go too far count nothing."""
        context, posterior = self._encoded(batch)
        noise = normal(draw, tuple(posterior.mean.shape)).to(self._device)
        decoded = self.module.decode(posterior.mean + posterior.scale * noise, context)
        terms = elbo(decoded, batch.field().xy, posterior, self._beta)
        parts = {
            "huber": -terms.likelihood.mean().item(),
            "divergence": terms.divergence.mean().item(),
        }
        return -(terms.bound * usable(batch)).mean(), parts

    def validate(self) -> dict[str, float]:
        """Pixels between a coordinate and its reconstruction from the posterior's mean (L1)."""
        sums: dict[str, float] = {}
        count = 0
        for item in self._held_out:
            again, truth = self._again(item), item.xy[:, 0].cpu().numpy()
            for i in usable(item).nonzero()[:, 0].tolist():
                for name, xy in {"model": again[i], **self._beside(truth[i, 0])}.items():
                    sums[name] = sums.get(name, 0.0) + float(np.abs(xy - truth[i]).mean())
                count += 1
        return {name: value / count for name, value in sums.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """A held-out clip's reconstruction, its error over the horizon, and the latents."""
        item = self._held_out[0]
        _, posterior = self._encoded(item)
        trivial = {name: xy[None] for name, xy in self._beside(item.xy[0, 0, 0].cpu()).items()}
        charts = pictures_of(item, "reconstruction", self._again(item)[:1], trivial)
        return {**charts, "latents": latent_chart("latents, unscaled", {"mean": posterior.mean})}

    @torch.no_grad()
    def finish(self) -> None:
        """Measure the standard deviation of each latent channel, by which the flow divides."""
        stats = RunningStats(self.module.config.channels)
        for index, item in enumerate(_training_clips(self._pool)):
            _, posterior = self._encoded(item.to(self._device))
            noise = torch.randn(posterior.mean.shape, generator=rng.generator(STATS_KEY, index))
            z = posterior.mean + posterior.scale * noise.to(self._device)
            stats.update(z[usable(item).to(self._device)])
        self._system.rescale(stats.result().std)

    def _again(self, item: ImageItem) -> Float[np.ndarray, "b t n 2"]:
        """Reconstructions from the posterior's mean, pixels."""
        context, posterior = self._encoded(item)
        decoded = self.module.decode(posterior.mean, context).flatten(2, 3)
        return coords.denormalise(decoded, item.size).cpu().numpy()

    def _beside(self, start: Float[Tensor, "n 2"]) -> dict[str, Float[np.ndarray, "t n 2"]]:
        if self._trivial is None:
            self._trivial = Trivial.of(self._pool, 1)
        trivial = self._trivial.forecasts(torch.as_tensor(start))
        return {name: trivial[name][0] for name in ("predict the mean", "stay")}

    def _encoded(self, item: ImageItem) -> tuple[Context, Posterior]:
        features = item.images().features
        assert features is not None
        context = self.module.context(features[:, 0])
        return context, self.module.encode(item.field().xy, context)


def _training_clips(pool: ImageClips) -> Iterator[ImageItem]:
    """Up to `STATS_CLIPS` distinct clips of the pool, from its first chunk on."""
    seen = 0
    for number in range(0, pool.passes, pool.data.reuse):
        for start in range(0, pool.clips_of_one_size, STATS_BATCH):
            if seen >= STATS_CLIPS:
                return
            stop = min(start + STATS_BATCH, pool.clips_of_one_size)
            seen += stop - start
            yield pool.take(number, torch.arange(start, stop))
