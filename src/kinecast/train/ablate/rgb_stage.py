"""Training and measuring the arm of `rgb`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.flow.path import path
from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.base import Posterior
from kinecast.systems.registry import FORMAT
from kinecast.train.ablate import image_scores
from kinecast.train.ablate.arm import Scores, Trained
from kinecast.train.ablate.rgb import RGBWHN, clip_frames
from kinecast.train.chunk_pool import VALIDATION_SEED
from kinecast.train.draw import normal, rows
from kinecast.train.images import ImageClips
from kinecast.train.latents import LatentCache, Latents
from kinecast.train.loop import stage_key
from kinecast.train.recipe import ImageData, Optim, Recipe
from kinecast.train.stage import Stage
from kinecast.train.whn_flow import FlowStage
from kinecast.train.whn_network import WHNModel
from kinecast.train.whn_score import usable

CODEC_CLIPS = 64
PSNR, FLOOR = "codec PSNR (dB)", "tracked in the codec's true clips, MSE (px^2)"
FOLLOWED = "points followed (%)"
FEWEST = 50.0  # % of a clip's points: with fewer, its futures say nothing of motion
CARD = "# RGB latents\n\nFor the ablation of WHN's modality; no forecaster reads it.\n"


@dataclass(frozen=True, eq=False)
class LatentItem(Latents):
    """Latents of clips, the tokens of their first pictures, and whether the clip counts (0, 1)."""

    z: Float[Tensor, "b t h w c"]
    features: Float[Tensor, "b m f"]
    counts: Float[Tensor, " b"]


class RGBPlan:
    """One stage, `flow`; the codec is fitted before it."""

    def __init__(self, recipe: Recipe, pool: ImageClips, device: torch.device) -> None:
        assert isinstance(recipe.model, WHNModel)
        assert isinstance(recipe.data, ImageData)
        self.recipe, self.pool, self.device = recipe, pool, device
        self.system = RGBWHN(recipe.model, recipe.data).to(device)

    def stage(self, name: str) -> Stage[LatentItem]:
        """Build the stage."""
        count = min(CODEC_CLIPS, self.pool.data.clips)
        frames = clip_frames(self.pool.data, self.pool.seed, list(range(count)))
        self.system.fit_codec(frames.to(self.device))
        self.system.requires_grad_(False)
        stage = RGBStage(self.system, self.pool, self.recipe.stages[name], self.device)
        stage.module.requires_grad_(True)
        return stage

    def export(self, folder: Path) -> None:
        """Write the weights."""
        config = {"format": FORMAT, "system": "whn-rgb", "model": {}}
        save_checkpoint(folder, config, dict(self.system.state_dict()), CARD)


class RGBStage(FlowStage):
    """WHN's flow of pictures' latents; one future a clip in validation, tracking takes long."""

    def __init__(
        self, system: RGBWHN, pool: ImageClips, optim: Optim, device: torch.device
    ) -> None:
        super().__init__(system, pool, device, "logit-normal", samples=1)
        self._rgb, self._batch = system, optim.batch
        codec, reuse = dict(system.named_buffers(recurse=False)), pool.data.reuse
        folder = pool.home / "latents" / pool.eye
        self.latents = LatentCache(pool, self._encoded, LatentItem, codec, folder, alike=reuse)

    def batch(self, step: int) -> LatentItem:
        """Cached latents of a step's clips."""
        return self.latents.batch(step, self._batch, stage_key("flow"))

    def loss(  # type: ignore[override]  # it is given what its own `batch` makes
        self, batch: LatentItem, draw: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """As `FlowStage.loss`: the first frame is given, and no part of it."""
        system, first = self._rgb, batch.z[:, :1]
        cond = {
            "denoiser": system.denoiser.context(batch.features),
            "first": Posterior(first, torch.zeros_like(first)),
        }
        noise = normal(draw, tuple(batch.z.shape)).to(self._device)
        t = rows(draw, len(batch), self._times(draw)).to(self._device)
        z_t, target = path(noise, batch.z, t)
        held, _ = system.pin(cond)
        z_t = torch.where(held, system.source(noise, cond), z_t)
        error = (system.velocity(z_t, t, cond).float() - target).masked_fill(held, 0.0)
        return (error.square().flatten(1).mean(1) * batch.counts).mean(), {}

    def _encoded(self, number: int, which: int, clips: Tensor, draw: torch.Generator) -> LatentItem:
        data = self._pool.data
        first = number // data.reuse * data.chunk
        frames = clip_frames(data, self._pool.seed, [first + i for i in clips.tolist()])
        item = self._pool.take(number, clips)
        assert item.features is not None
        latents = self._rgb.latents(frames.to(self._device))
        return LatentItem(latents, item.features[:, 0], usable(item).float())


def scores(trained: Trained, data: ImageData) -> Scores:
    """The errors of the points that are tracked in the forecast videos, and their variance.

    Beside them the share of points that the tracker followed for a frame at least: the others hold
    still, which is no forecast, so a clip with fewer than `FEWEST` has no other score, and none has
    an FVMD, which is of groups of clips, or an LRTL, by which what holds still is perfect. And, of
    the held-out clips through the codec: how well it reconstructs them, and how well the points are
    tracked in that.
    """
    system: RGBWHN = trained.plan.system
    futures, exact = image_scores.futures_of(trained, data)
    followed = [100 * float((xy != xy[:, :1]).any((1, 3)).mean()) for xy in futures]
    scored = image_scores.scores_of(futures, exact, data)
    found = {
        name: where_followed(scored[name], followed)
        for name in (image_scores.BEST, image_scores.VARIANCE)
    }
    psnr, floor = [], []
    with ImageClips(data, 0, trained.clips, trained.device) as pool:
        truths = [xy for item in pool.validation() for xy in item.xy[:, 0]]
    for index, truth in enumerate(truths):
        frames = clip_frames(data, VALIDATION_SEED, [index]).to(trained.device)
        again = system.frames(system.latents(frames))
        error = (frames.float() - again.float()).square().mean().item()
        psnr.append(10 * float(np.log10(255**2 / max(error, 1e-12))))
        xy = coords.denormalise(system.tracked(again[0].cpu().numpy()), data.size).flatten(1, 2)
        floor.append((xy - truth).square().mean().item())
    return {**found, FOLLOWED: followed, PSNR: psnr, FLOOR: floor}


def where_followed(scores: Sequence[float], followed: Sequence[float]) -> list[float]:
    """NaN for those of whose points fewer than `FEWEST` % were followed."""
    pairs = zip(scores, followed, strict=True)
    return [score if share >= FEWEST else math.nan for score, share in pairs]
