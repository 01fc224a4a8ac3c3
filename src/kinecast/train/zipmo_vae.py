"""Stage `vae`: sparse tracks of windows, reconstructed together with tracks that were not encoded.

Source: ZipMo, section 3.1 and appendix B. Latents are those of 40 tracks of a clip, drawn anew each
time; they are decoded at these and at 40 further ones.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import rng
from kinecast.flow.stats import RunningStats
from kinecast.systems.zipmo.losses import kl_per_token, recon_l1, vae_loss
from kinecast.systems.zipmo.vae import Gaussian
from kinecast.train.draw import rows
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.loop import stage_key
from kinecast.train.pictures import latent_chart
from kinecast.train.recipe import Optim
from kinecast.train.schedule import batch_size
from kinecast.train.zipmo_clips import (
    AtStep,
    Yx,
    all_tracks,
    check_points,
    see,
    some_of,
    training_clips,
    unlocked,
)
from kinecast.train.zipmo_model import Trained, VAEModel
from kinecast.train.zipmo_pictures import errors_chart, fan
from kinecast.train.zipmo_score import Trivial, pixels_apart

STATS_CLIPS = 512
VALIDATION_KEY = 14  # of the tracks that held-out clips and statistics are encoded from


class VAEStage:
    """L1 of absolute coordinates, and 1e-7 of the divergence."""

    name = "vae"

    def __init__(
        self,
        system: Trained,
        pool: ImageClips,
        optim: Optim,
        model: VAEModel,
        device: torch.device,
        *,
        measured: bool = False,
    ) -> None:
        """Train the system's VAE.

        Args:
            system: its VAE and the image encoder that goes with it are trained.
            pool: its clips.
            optim, model: of the recipe.
            device: where the system is.
            measured: the latents' mean and variance are known and shall stay.
        """
        self.module = nn.ModuleDict({"vae": system.vae, "image": system.vae_vit})
        self.module.requires_grad_(True)
        system.vae_vit.requires_grad_(model.unlock is not None)
        self._system, self._pool, self._optim, self._model = system, pool, optim, model
        self._device, self._measured = device, measured
        self._held_out = [item.to(device) for item in pool.validation()]
        check_points(self._held_out[0], 2 * model.tracks)
        self._trivial: Trivial | None = None

    def batch(self, step: int) -> AtStep:
        """Clips of a step; more of them later on, where the batch grows."""
        size = batch_size(self._optim, step)
        return AtStep(self._pool.batch(step, size, stage_key(self.name)), step)

    def loss(self, batch: AtStep, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Of all tracks, encoded or not."""
        trained = unlocked(self._model.unlock, batch.step)
        tracks = self._some(batch.clips, draw)
        image = self._image(batch.clips, trained=trained)
        latent = self._system.vae.encode(tracks[:, : self._model.tracks], image)
        shape = latent.mean.shape[1:]
        views = len(tracks) // len(batch)
        noise = rows(
            draw, len(batch), lambda n: torch.randn(n, views, *shape, generator=draw)
        ).flatten(0, 1)
        decoded = self._decode(latent.sample(noise.to(self._device)), tracks, image)
        parts = {
            "l1": recon_l1(decoded, tracks).item(),
            "kl": kl_per_token(latent).mean().item(),
        }
        return self._objective(decoded, tracks, latent), parts

    def validate(self) -> dict[str, float]:
        """Mean distance in pixels of held-out clips' tracks from the posterior's mean.

        "unseen": of the tracks that were not encoded. The trivial guesses follow.
        """
        if self._trivial is None:
            self._trivial = Trivial.of(self._pool, self._model.frames)
        sums: dict[str, float] = {}
        for index, item in enumerate(self._held_out):
            tracks = self._some(item, rng.generator(VALIDATION_KEY, index))
            image = self._image(item)
            latent = self._system.vae.encode(tracks[:, : self._model.tracks], image)
            distance = pixels_apart(self._decode(latent.mean, tracks, image), tracks, item.size)
            scores = {"model": distance, "unseen": distance[:, self._model.tracks :]}
            scores |= {
                name: pixels_apart(guess, tracks, item.size)
                for name, guess in self._trivial.guesses(tracks).items()
            }
            for name, value in scores.items():
                sums[name] = sums.get(name, 0.0) + value.mean().item() * len(item)
        count = sum(map(len, self._held_out))
        return {name: value / count for name, value in sums.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """A held-out clip's reconstruction, errors over the horizon, and the latents, unscaled."""
        item = self._held_out[0]
        tracks, image = self._some(item, rng.generator(VALIDATION_KEY)), self._image(item)
        latent = self._system.vae.encode(tracks[:, : self._model.tracks], image)
        again = self._decode(latent.mean, tracks, image).float()
        guesses = {"model": again, "stay": tracks[:, :, :1].expand_as(tracks)}
        return {
            "reconstruction": fan(item, tracks[0, :, 0], again[:1]),
            "error_over_horizon": errors_chart("held-out clips", tracks, guesses, item),
            "latents": latent_chart("latents, unscaled", {"mean": latent.mean}),
        }

    @torch.no_grad()
    def finish(self) -> None:
        """Measure mean and variance of the latents, by which planners shift and scale them."""
        if self._measured:
            return
        stats = RunningStats(1)
        for index, item in enumerate(training_clips(self._pool, STATS_CLIPS)):
            item = item.to(self._device)
            latent = self._encode(item, rng.generator(VALIDATION_KEY, index))
            stats.update(latent.mean.reshape(-1, 1))
        result = stats.result()
        self._system.rescale(result.mean[0], result.std[0] ** 2)

    def _objective(self, decoded: Yx, tracks: Yx, latent: Gaussian) -> Float[Tensor, ""]:
        return vae_loss(decoded, tracks, latent)

    def _encode(self, item: ImageItem, draw: torch.Generator) -> Gaussian:
        tracks = self._some(item, draw)[:, : self._model.tracks]
        return self._system.vae.encode(tracks, self._image(item))

    def _some(self, item: ImageItem, draw: torch.Generator) -> Yx:
        tracks = all_tracks(item, self._model.frames)
        return some_of(tracks, len(item), 2 * self._model.tracks, draw)

    def _image(self, item: ImageItem, *, trained: bool = False) -> Float[Tensor, "r m i"]:
        cells = self._model.vae.image_grid[0]
        return see(self._system.vae_vit, item.pixels, cells, trained=trained).flatten(0, 1)

    def _decode(self, z: Tensor, tracks: Yx, image: Tensor) -> Yx:
        vae = self._system.vae
        return vae.decode(z, tracks[:, :, 0], self._model.frames, vae.contexts(image))
