"""Stage `planner`: the flow of latents, given a frame and pokes.

Source: ZipMo, section 3.2; of what was not published (the training script), the released loss.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import rng
from kinecast.flow.loss import flow_matching
from kinecast.flow.path import path
from kinecast.flow.sampler import euler, uniform_times
from kinecast.flow.times import clamped
from kinecast.systems.zipmo.latents import denormalise, normalise
from kinecast.systems.zipmo.planner import PokeTokens
from kinecast.train.draw import normal, rows
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
    noisy,
    see,
    some_of,
    unlocked,
)
from kinecast.train.zipmo_model import FlowModel, PokeModel, TrainedLibero, TrainedZipMo
from kinecast.train.zipmo_pictures import errors_chart, fan, normal_like
from kinecast.train.zipmo_score import Trivial, nearest_poke, pixels_apart

STEPS = 10  # of the sampler in validation
SHOWN = 8  # held-out clips in pictures
NOISE_SEED = 1_000_033

Pokes = Float[Tensor, "b p 5"]


class Planning(ABC):
    """What the planners of one view and of several have in common."""

    name = "planner"

    def __init__(
        self,
        system: TrainedZipMo | TrainedLibero,
        pool: ImageClips,
        optim: Optim,
        model: FlowModel,
        device: torch.device,
    ) -> None:
        assert system.planner is not None
        assert system.image is not None
        learns = model.unlock_planner is not None
        parts = {"planner": system.planner, **({"image": system.image} if learns else {})}
        self.module = nn.ModuleDict(parts).requires_grad_(True)
        self._pool, self._optim, self._model, self._device = pool, optim, model, device
        self._vit, self._vae_vit, self._vae = system.image, system.vae_vit, system.vae
        self._planner, self._shift, self._scale = system.planner, system.shift, system.scale
        self._held_out = [item.to(device) for item in pool.validation()]
        check_points(self._held_out[0], 2 * model.tracks)
        self._trivial: Trivial | None = None

    @abstractmethod
    def context(
        self, batch: AtStep, tracks: Yx, image: Float[Tensor, "b v m i"], draw: torch.Generator
    ) -> dict[str, Any]:
        """What the planner is told in training; tracks in random order."""

    @abstractmethod
    def told(
        self, item: ImageItem, tracks: Yx, image: Float[Tensor, "b v m i"]
    ) -> tuple[dict[str, Any], dict[str, Yx]]:
        """What it is told in validation, and guesses that know the same."""

    def batch(self, step: int) -> AtStep:
        """Clips of a step; more of them later on, where the batch grows."""
        size = batch_size(self._optim, step)
        return AtStep(self._pool.batch(step, size, stage_key(self.name)), step)

    def loss(self, batch: AtStep, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean square of the velocity's error, at logit-normal times."""
        item, clips = batch.clips, len(batch)
        tracks = some_of(all_tracks(item, self._model.frames), clips, self._model.tracks, draw)
        z = self._latents(item, tracks)
        noise = normal(draw, tuple(z.shape)).to(self._device)
        t = rows(draw, clips, lambda n: torch.randn(n, generator=draw).sigmoid()).to(self._device)
        pixels = noisy(item.pixels, self._model.frame_noise, draw)
        trained = unlocked(self._model.unlock_planner, batch.step)
        context = self.context(batch, tracks, self._see(pixels, trained=trained), draw)
        z_t, target = path(noise, z, clamped(t))
        return flow_matching(self._planner(z_t, clamped(t), context), target), {}

    def validate(self) -> dict[str, float]:
        """Mean distance in pixels from held-out clips, over points and frames after the first.

        "model" is the mean of the samples, "best of K" the nearest of each clip, "one sample" their
        mean distance. The trivial guesses follow.
        """
        sums: dict[str, float] = {}
        first = 0
        for index, item in enumerate(self._held_out):
            tracks, futures, guesses = self._forecast(item, index, first)
            first += len(item)
            apart = partial(_clip_distance, tracks, item)
            each = torch.stack([apart(future) for future in futures])
            scores = {
                "model": apart(futures.mean(0)),
                f"best of {len(futures)}": each.min(0).values,
                "one sample": each.mean(0),
            }
            scores |= {name: apart(guess) for name, guess in guesses.items()}
            for name, value in scores.items():
                sums[name] = sums.get(name, 0.0) + value.sum().item()
        return {name: value / first for name, value in sums.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """Futures of a held-out clip, errors over the horizon of a few, and their latents."""
        item = self._held_out[0].rows(slice(SHOWN))
        tracks, futures, guesses = self._forecast(item, 0, 0)
        z = self._latents(item, tracks[:, : self._model.tracks])
        errors = {"model": futures.mean(0), **guesses}
        return {
            "forecast": fan(item, tracks[0, :, 0], futures[:, 0]),
            "error_over_horizon": errors_chart("held-out clips", tracks, errors, item),
            "latents": latent_chart("latents", {"latents": z, "normal": normal_like(z)}),
        }

    def _forecast(
        self, item: ImageItem, index: int, first: int
    ) -> tuple[Yx, Float[Tensor, "k r q t 2"], dict[str, Yx]]:
        """Tracks of held-out clips, their futures, and what is guessed of them."""
        if self._trivial is None:
            self._trivial = Trivial.of(self._pool, self._model.frames)
        every = all_tracks(item, self._model.frames)
        draw = rng.generator(NOISE_SEED, index)
        tracks = some_of(every, len(item), 2 * self._model.tracks, draw)
        context, guesses = self.told(item, tracks, self._see(item.pixels))
        futures = self.futures(item, tracks[:, :, 0], context, first)
        return tracks, futures, {**self._trivial.guesses(tracks), **guesses}

    def finish(self) -> None:  # noqa: B027  # the contract of a stage
        """Nothing to do."""

    def futures(
        self,
        item: ImageItem,
        queries: Float[Tensor, "r q 2"],
        context: dict[str, Any],
        first: int,
        steps: int = STEPS,
    ) -> Float[Tensor, "k r q t 2"]:
        """Samples of points that start at `queries`; the noise is keyed by the clips' places."""
        image = self._vae_tokens(item).flatten(0, 1)
        kept, samples = self._vae.contexts(image), self._model.samples
        shape = (len(item), len(image) // len(item) * self._model.vae.tokens)
        velocity: Callable[[Tensor, Tensor], Tensor] = partial(self._planner, context=context)
        drawn = []
        for sample in range(samples):
            clips = [(first + i) * samples + sample for i in range(len(item))]
            noise = rng.sample_noise(NOISE_SEED, clips, (shape[1], self._model.vae.channels))
            z = euler(velocity, noise.to(self._device), uniform_times(steps))
            latents = denormalise(z.unflatten(1, (-1, self._model.vae.tokens)).flatten(0, 1),
                                  self._shift, self._scale)  # fmt: skip
            drawn.append(self._vae.decode(latents, queries, self._model.frames, kept).float())
        return torch.stack(drawn)

    @torch.no_grad()
    def _latents(self, item: ImageItem, tracks: Yx) -> Float[Tensor, "b n c"]:
        """The planner's latents, of all views."""
        latent = self._vae.encode(tracks, self._vae_tokens(item).flatten(0, 1))
        z = normalise(latent.mean.float(), self._shift, self._scale)
        return z.unflatten(0, (len(item), -1)).flatten(1, 2)

    def _vae_tokens(self, item: ImageItem) -> Float[Tensor, "b v m i"]:
        return see(self._vae_vit, item.pixels, self._model.vae.image_grid[0])

    def _see(self, pixels: Tensor, *, trained: bool = False) -> Float[Tensor, "b v m i"]:
        return see(self._vit, pixels, self._model.vae.image_grid[0], trained=trained)


class PokeStage(Planning):
    """Pokes are tracks of the clip: from their first position to their last, or an earlier one."""

    _planner: Any
    _model: PokeModel

    def context(
        self, batch: AtStep, tracks: Yx, image: Float[Tensor, "b v m i"], draw: torch.Generator
    ) -> dict[str, Any]:
        """As many pokes as the planner takes, the last few of them zeros."""
        pokes = pokes_of(tracks, self._planner.config.pokes, self._model.early, draw)
        tokens = self._planner.poke_tokens(pokes)
        if self._planner.config.fill:
            tokens = dropped(tokens, self._model.dropped, draw)
        return self._context(image, tokens)

    def told(
        self, item: ImageItem, tracks: Yx, image: Float[Tensor, "b v m i"]
    ) -> tuple[dict[str, Any], dict[str, Yx]]:
        """The first of the tracks as pokes that end with the window."""
        pokes = pokes_of(tracks, self._planner.config.pokes, 0.0, rng.generator(NOISE_SEED))
        ends = pokes[..., :4].unflatten(-1, (2, 2))
        guesses = {"nearest poke, linear": nearest_poke(tracks, ends)}
        return self._context(image, self._planner.poke_tokens(pokes)), guesses

    def _context(self, image: Float[Tensor, "b v m i"], tokens: PokeTokens) -> dict[str, Any]:
        context: dict[str, Any] = self._planner.context(image[:, 0], tokens, self._vae.position)
        return context


def pokes_of(tracks: Yx, count: int, early: float, draw: torch.Generator) -> Pokes:
    """The first `count` tracks as rows (y start, x start, y end, x end, t end).

    Args:
        tracks: in random order.
        count: how many.
        early: share of them that end in a frame between the first and the last.
        draw: of the frames.
    """
    last = tracks.shape[2] - 1
    clips = len(tracks)
    sooner = rows(draw, clips, lambda n: torch.rand(n, count, generator=draw)) < early
    frame = rows(draw, clips, lambda n: torch.randint(1, max(2, last), (n, count), generator=draw))
    frame = torch.where(sooner, frame, last).to(tracks.device)
    poked = tracks[:, :count]
    end = torch.take_along_dim(poked, frame[..., None, None], dim=2)[:, :, 0]
    return torch.cat([poked[:, :, 0], end, (frame / last)[..., None]], dim=-1)


def dropped(pokes: PokeTokens, mean: float, draw: torch.Generator) -> PokeTokens:
    """The last few pokes as zeros at 0, as missing ones are; how many is a Poisson number."""
    clips, count = pokes.tokens.shape[:2]
    fewer = rows(draw, clips, lambda n: torch.poisson(torch.full((n,), mean), generator=draw))
    kept = (torch.arange(count) < count - fewer[:, None]).to(pokes.tokens)[..., None]
    return PokeTokens(pokes.tokens * kept, pokes.positions * kept)


def _clip_distance(truth: Yx, item: ImageItem, future: Yx) -> Float[Tensor, " b"]:
    """Mean over all views, points and frames after the first."""
    apart = pixels_apart(future, truth, item.size)[..., 1:]
    return apart.unflatten(0, (len(item), -1)).flatten(1).mean(1)
