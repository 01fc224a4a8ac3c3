"""Recipes of WHN: its VAE, its denoiser of latents, of points, and with a text.

    vae         windows of points, reconstructed given their image; then the scale of its latents
    flow        the denoiser

`whn-latent` and `whn-text` train a VAE first, unless they are given one (`--vae`). Hyper-parameters
at size=paper: WHN, appendix C (tables 16 and 17), the networks as they were published: L on Kubric
(whn-latent), B on Physion (whn-raw) and LIBERO (whn-text). The paper counts epochs; here they are
epochs of the pool, `data.clips`. What it leaves open, and all of the other sizes, is ours.
"""

from dataclasses import replace
from typing import Any

import torch

from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.registry import FORMAT
from kinecast.train.image_card import image_card
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData, Optim, Recipe
from kinecast.train.stage import Stage
from kinecast.train.whn_flow import FlowStage, LatentFlowStage
from kinecast.train.whn_network import (
    TrainedVAE,
    TrainedWHN,
    WHNModel,
    layout_of,
    vae_config,
    whn_config,
)
from kinecast.train.whn_vae import VAEStage

SIZES = ("tiny", "small", "base", "paper")
PHYSION = ("dominoes", "support", "falling", "containment", "links", "rolling")
WHAT = "Futures of a grid of {} x {} points over {} frames from one image{}, several samples."
ALONE = "A VAE of motion: it forecasts nothing by itself, denoisers are trained on its latents."
LIMITS = (
    "the weights know the worlds they were trained on; how far they carry over to other pictures "
    "was not measured. They say nothing of which points will be seen."
)


def vae(size: str) -> Recipe:
    """The VAE of Kubric's denoisers."""
    return _recipe("whn-vae", size, ("vae",), _kubric())


def latent(size: str) -> Recipe:
    """VAE and denoiser of its latents."""
    return _recipe("whn-latent", size, ("vae", "flow"), _kubric())


def raw(size: str) -> Recipe:
    """A denoiser of the points themselves."""
    return _recipe("whn-raw", size, ("flow",), _physion())


def text(size: str) -> Recipe:
    """VAE and denoiser of its latents, given a text too."""
    return _recipe("whn-text", size, ("vae", "flow"), _libero())


def build(recipe: Recipe, pool: ImageClips, device: torch.device) -> "WHNPlan":
    """The networks of the recipe."""
    return WHNPlan(recipe, pool, device)


def _recipe(name: str, size: str, stages: tuple[str, ...], data: ImageData) -> Recipe:
    optim = {stage: _optim(name, size)[stage] for stage in stages}
    if size == "tiny":
        data = _tiny(data)
    return Recipe(name, size, _model(name, size), optim, data)


def _model(name: str, size: str) -> WHNModel:
    patch = 4 if name == "whn-text" and size != "tiny" else 2
    if size == "tiny":
        return WHNModel(
            width=64, heads=2, depth=2, vae_width=64, vae_heads=2, vae_depth=2, point_width=32
        )
    if size == "small":
        return WHNModel(192, 3, 8, vae_width=192, vae_heads=3, vae_depth=6, patch=patch)
    if size == "paper" and name == "whn-latent":
        return WHNModel(768, 12, 16)
    return WHNModel(384, 6, 12, patch=patch)


def _optim(name: str, size: str) -> dict[str, Optim]:
    published = Optim(0, 16, 6e-5, warmup=0, floor=1.0, weight_decay=0.01, ema=0.0)
    vae_steps = 409_600 if name == "whn-text" else 243_200  # 400 epochs
    paper = {
        "vae": replace(published, steps=vae_steps, micro=4),
        "flow": {
            "whn-vae": published,
            "whn-latent": replace(published, steps=121_600, batch=32, micro=4, warmup=3238),  # 400
            "whn-raw": replace(published, steps=20_480, batch=32, micro=4, warmup=2048),  # 40
            "whn-text": replace(published, steps=384_000, batch=64, micro=16, warmup=1448),  # 1500
        }[name],
    }
    if size == "paper":
        return paper
    steps, rates = {
        "tiny": ((400, 3000 if name == "whn-raw" else 5000), (1e-2, 3e-3)),
        "small": ((10_000, 20_000), (3e-4, 3e-4)),
        "base": ((60_000, 60_000), (1e-4, 1e-4)),
    }[size]
    return {
        stage: replace(
            paper[stage],
            steps=n,
            batch=32,
            micro=None,
            lr=rate,
            warmup=100,
            floor=0.05,
            ema=0.999,
            bf16=size != "tiny",
        )
        for stage, n, rate in zip(paper, steps, rates, strict=True)
    }


def _kubric() -> ImageData:
    return ImageData(
        families=("movi-a",),
        origin=(0.5, 0.5),
        encoder="dinov2-small",
        encoder_size=(224, 224),
        clips=9728,  # MOVi-A has 9703
    )


def _physion() -> ImageData:
    return ImageData(families=PHYSION, frames=30, origin=(2.5, 2.5), encoder="dinov2-large")


def _libero() -> ImageData:
    return ImageData(
        families=("robot",),
        frames=16,
        size=(128, 128),
        stride=2.0,
        origin=(1.5, 1.5),
        encoder="dinov2-large",
        text_encoder="bert",
    )


def _tiny(data: ImageData) -> ImageData:
    return ImageData(
        families=("layers-told",) if data.text_encoder else ("layers",),
        frames=4,
        size=(64, 48),
        encoder_size=(32, 24),  # a token of the picture lies where a token of points does
        text_encoder="words" if data.text_encoder else "",
        clips=4096,
        chunk=512,
        reuse=1,
        validation=32,
    )


class WHNPlan:
    """The stages; each trains its own network of the system."""

    def __init__(self, recipe: Recipe, pool: ImageClips, device: torch.device) -> None:
        self.recipe, self.pool, self.device = recipe, pool, device
        model, data = recipe.model, recipe.data
        assert isinstance(model, WHNModel)
        assert isinstance(data, ImageData)
        self.model, self.data = model, data
        self.system: TrainedWHN | TrainedVAE = (
            TrainedWHN(whn_config(model, data, latent="vae" in recipe.stages))
            if "flow" in recipe.stages
            else TrainedVAE(vae_config(model, data), layout_of(data))
        ).to(device)

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own network is trained."""
        self.system.requires_grad_(False)
        stage: VAEStage | FlowStage
        if name == "vae":
            stage = VAEStage(self.system, self.pool, self.device, self.model.beta)
        else:
            assert isinstance(self.system, TrainedWHN)
            model = self.model
            how = (self.system, self.pool, self.device, model.times, model.samples)
            latent = self.system.vae is not None
            optim = self.recipe.stages[name]
            stage = LatentFlowStage(*how, optim) if latent else FlowStage(*how)
        stage.module.requires_grad_(True)
        return stage

    def export(self, folder: str) -> None:
        """Write the checkpoint folder."""
        system, model, tensors = self.system.exported()
        config = {"format": FORMAT, "system": system, "model": model}
        save_checkpoint(folder, config, tensors, image_card(self.recipe, self._what(), LIMITS))

    def _what(self) -> str:
        if isinstance(self.system, TrainedVAE):
            return ALONE
        grid = self.system.config.grid
        text = " and a text" if self.data.text_encoder else ""
        return WHAT.format(grid.h, grid.w, self.data.frames, text)
