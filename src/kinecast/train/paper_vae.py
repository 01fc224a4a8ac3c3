"""Stage `vae`: windows of histories and futures, reconstructed."""

import numpy as np
import torch
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.core.coords import Size
from kinecast.flow.stats import RunningStats
from kinecast.systems.base import FieldBatch
from kinecast.systems.trajloom.cells import from_offsets
from kinecast.systems.trajloom.losses import VAELossWeights, vae_loss
from kinecast.systems.trajloom.paper import PaperTrajLoom
from kinecast.train import mean_motion
from kinecast.train.draw import normal
from kinecast.train.history_pool import HistoryPool
from kinecast.train.pictures import horizon_chart, latent_chart
from kinecast.train.recipe import Optim
from kinecast.train.stage import Batch

FAR = 3.0  # normalised: where hidden points far outside the frame are held
STATS_CLIPS = 1024
STATS_BATCH = 16


def held(field: FieldBatch) -> FieldBatch:
    """Hidden points no farther than a frame outside: nobody sees them, and they would rule."""
    xy = torch.where(field.visible[..., None], field.xy, field.xy.clamp(-FAR, FAR))
    return FieldBatch(xy, field.visible, field.size)


class VAEStage:
    """TrajLoom, section 3.2; history and future of a clip are a segment each."""

    def __init__(
        self, system: PaperTrajLoom, pool: HistoryPool, optim: Optim, device: torch.device
    ) -> None:
        self.module = system.vae
        self._system, self._pool, self._device = system, pool, device
        config = system.config
        self._weights = VAELossWeights(temporal=config.temporal, spatial=config.spatial)
        self._held_out = [batch.to(device) for batch in pool.validation()]
        self._mean: Tensor | None = None

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Eq. 3 and 5."""
        past, future = (held(field) for field in batch.fields())
        offsets = self._system.relative(torch.cat([past.xy, future.xy]))
        visible = torch.cat([past.visible, future.visible])
        config = self.module.config
        tokens = config.grid[0] * config.grid[1]
        shape = (len(offsets), config.steps, tokens, config.latent_channels)
        noise = normal(draw, shape).to(self._device)
        predicted, posterior = self.module(offsets, noise)
        terms = vae_loss(predicted, offsets, visible, posterior, self._weights)
        parts = {k: v.item() for k, v in terms._asdict().items() if k != "total"}
        return terms.total, parts

    def validate(self) -> dict[str, float]:
        """Pixels between future windows and their reconstruction (VEPE), visible points.

        Beside it: the mean window of the training clips, and each point at rest in the middle of
        its cell, or at its own mean position.
        """
        if self._mean is None:
            self._mean = self._mean_window()
        sums: dict[str, float] = {}
        count = 0
        for batch in self._held_out:
            _, future = batch.fields()
            future = held(future)
            offsets = self._system.relative(future.xy)
            seen = future.visible[..., None]
            mean = (offsets * seen).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
            guesses = {
                "model": self.module(offsets)[0],
                mean_motion.NAME: self._mean.expand_as(offsets),
                "mean position": mean.expand_as(offsets),
                "cell centre": self._cell_centres(offsets),
            }
            for name, guess in guesses.items():
                distance = _pixels(guess.float() - offsets, batch.size)
                sums[name] = sums.get(name, 0.0) + distance[future.visible].sum().item()
            count += int(future.visible.sum())
        return {name: value / max(count, 1) for name, value in sums.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """Pixels between window and reconstruction, frame by frame, and the latents, unscaled."""
        batch = self._held_out[0]
        _, future = batch.fields()
        future = held(future)
        offsets = self._system.relative(future.xy)
        again, posterior = self.module(offsets)
        centre = self._system.relative(from_offsets(torch.zeros_like(offsets)))
        names = {"model": again.float(), "cell centre": centre}
        distances = {n: _pixels(guess - offsets, batch.size) for n, guess in names.items()}
        seen = future.visible
        errors = {
            name: ((distance * seen).sum((0, 2, 3)) / seen.sum((0, 2, 3))).cpu().numpy()
            for name, distance in distances.items()
        }
        return {
            "error_over_horizon": horizon_chart("held-out futures, reconstructed", errors),
            "latents": latent_chart("latents of held-out futures", {"mean": posterior.mean}),
        }

    @torch.no_grad()
    def finish(self) -> None:
        """Take the statistics of the latents of both windows (TrajLoom, A.2), one set for both."""
        stats = RunningStats(self.module.config.latent_channels)
        for which in range(len(self._pool.data.sizes)):
            for number, some in enumerate(self._pool.spread(STATS_CLIPS).split(STATS_BATCH)):
                draw = rng.generator(which, number * STATS_BATCH)
                batch = self._pool.take(0, which, some, draw)
                for field in batch.to(self._device).fields():
                    stats.update(self.module.encode(self._system.relative(held(field).xy)).mean)
        self._system.set_latent_stats(stats.result())

    def _mean_window(self) -> Tensor:
        """Where the points of each cell are on average in training, frame by frame."""
        total, count = torch.zeros(()), torch.zeros(())
        for batch in mean_motion.training_clips(self._pool):
            window = held(batch.to(self._device).fields()[1])
            seen = window.visible[..., None]
            total = total + (self._system.relative(window.xy) * seen).sum(0)
            count = count + seen.sum(0)
        return total / count.clamp(min=1)

    def _cell_centres(self, like: Tensor) -> Tensor:
        """Each point at rest in the middle of its cell, as the VAE takes positions."""
        return self._system.relative(from_offsets(torch.zeros_like(like)))


def _pixels(offsets: Tensor, size: Size) -> Tensor:
    return coords.displacement_to_pixels(offsets, size).norm(dim=-1)
