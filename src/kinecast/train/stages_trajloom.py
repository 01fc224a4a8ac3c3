"""Recipes of the published networks, trained on histories alone: VAE, flow, on-policy, visibility.

    vae         reconstruction and consistency of windows; then the statistics of its latents
    flow        the generator, on cached latents
    onpolicy    the generator on states of its own rollouts
    visibility  the predictor, on cached latents

A recipe trains what it needs: `trajloom-flow` a VAE first, unless `--vae` gives a trained one.
Hyper-parameters at size=paper: TrajLoom, appendix A; what it leaves open (batch of the visibility
stage, on-policy steps) is ours. On-policy tuning hands on its last average: it makes single
samples better, and the samples' mean, which validation ranks by, hardly.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.registry import FORMAT
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.paper import PaperConfig, PaperTrajLoom
from kinecast.systems.trajloom.vae import VAEConfig
from kinecast.systems.trajloom.visibility import VisibilityConfig
from kinecast.train.card import card
from kinecast.train.history_pool import HistoryPool
from kinecast.train.paper_flow import FlowStage, OnPolicyStage
from kinecast.train.paper_vae import VAEStage
from kinecast.train.paper_visibility import VisibilityStage
from kinecast.train.recipe import Augment, Data, Optim, Recipe
from kinecast.train.shard_pool import check_grid
from kinecast.train.stage import Stage

SIZES = ("tiny", "small", "base", "paper")
_TINY_FRAME, _TINY_GRID, _TINY_FRAMES = (96, 64), (4, 6), 17
_TINY_WORLDS = ("thrown", "cloth", "foliage", "soft", "tour")  # whose past tells most of the future


def whole(size: str) -> Recipe:
    """All four stages: a checkpoint that forecasts."""
    return _recipe("trajloom", size, ("vae", "flow", "onpolicy", "visibility"))


def vae(size: str) -> Recipe:
    """The VAE."""
    return _recipe("trajloom-vae", size, ("vae",))


def flow(size: str) -> Recipe:
    """VAE and generator."""
    return _recipe("trajloom-flow", size, ("vae", "flow"))


def onpolicy(size: str) -> Recipe:
    """VAE and generator with on-policy fine-tuning."""
    return _recipe("trajloom-onpolicy", size, ("vae", "flow", "onpolicy"))


def visibility(size: str) -> Recipe:
    """VAE and visibility predictor."""
    return _recipe("trajloom-visibility", size, ("vae", "visibility"))


def build(recipe: Recipe, pool: HistoryPool, device: torch.device) -> "PaperPlan":
    """The networks of the recipe."""
    return PaperPlan(recipe, pool, device)


def _recipe(name: str, size: str, stages: tuple[str, ...]) -> Recipe:
    optim = {stage: _optim(size)[stage] for stage in stages}
    return Recipe(name, size, _model(size), optim, _data(size))


def _model(size: str) -> PaperConfig:
    if size == "paper":
        return PaperConfig()
    if size == "tiny":
        return scaled(32, 64, 4, 6, 4, 16, _TINY_GRID, _TINY_FRAMES)
    if size == "small":
        return scaled(96, 192, 8, 4, 8, 32)
    return scaled(256, 384, 12, 8, 16, 64)


def scaled(
    vae_width: int,
    width: int,
    vae_depth: int,
    depth: int,
    channels: int,
    visibility_width: int,
    grid: tuple[int, int] = (15, 26),
    frames: int = 81,
) -> PaperConfig:
    """The published design in other sizes; heads of 32 numbers."""
    autoencoder = VAEConfig(
        grid=grid,
        frames=frames,
        latent_channels=channels,
        width=vae_width,
        heads=vae_width // 32,
        encoder_depth=vae_depth,
        decoder_depth=vae_depth,
    )
    generator = GeneratorConfig(
        latent_channels=channels,
        history_channels=channels,
        latent_steps=autoencoder.steps,
        video_channels=None,
        text_channels=None,
        grid=grid,
        width=width,
        heads=width // 32,
        depth=depth,
        future_start=frames,
    )
    predictor = VisibilityConfig(latent_channels=channels, width=visibility_width)
    return PaperConfig(autoencoder, generator, predictor)


def _optim(size: str) -> dict[str, Optim]:
    constant = Optim(0, 128, 6e-5, warmup=0, floor=1.0, ema=0.0)
    paper = {
        "vae": replace(constant, steps=30_000, batch=16, lr=2e-5),
        "flow": replace(constant, steps=100_000),
        "onpolicy": replace(constant, steps=5_000, lr=1e-5, select="last"),
        "visibility": Optim(20_000, 128, 3e-4, warmup=500, floor=0.1, weight_decay=0.01, ema=0.0),
    }
    if size == "paper":
        return paper
    if size == "tiny":
        return {
            "vae": _quick(600, 2e-3, 0.99),
            "flow": _quick(2_000, 3e-3, 0.99),
            "onpolicy": replace(_quick(60, 2e-4, 0.95), select="last"),
            "visibility": replace(_quick(200, 3e-3, 0.98), weight_decay=0.01),
        }
    steps, batch, rate = {
        "small": ((10_000, 20_000, 1_000, 2_000), 32, 5e-4),
        "base": ((20_000, 60_000, 3_000, 10_000), 64, 2e-4),
    }[size]
    rates = (rate, rate, rate / 10, 3e-3)
    return {
        name: replace(paper[name], steps=n, batch=batch, lr=lr, warmup=100, floor=0.05, ema=0.999)
        for name, n, lr in zip(paper, steps, rates, strict=True)
    }


def _quick(steps: int, rate: float, ema: float) -> Optim:
    return Optim(steps, 16, rate, ema=ema, bf16=False)


def _data(size: str) -> Data:
    if size != "tiny":
        return Data(history=81, horizon=81)
    return Data(
        families=_TINY_WORLDS,
        history=_TINY_FRAMES,
        horizon=_TINY_FRAMES,
        sizes=(_TINY_FRAME,),
        stride=16.0,
        clips=1024,
        chunk=512,
        reuse=2,
        validation=32,
        augment=Augment(margin=16, jitter=0.1, wander=0.1),
    )


class PaperPlan:
    """The stages; each trains its own network of the system."""

    def __init__(self, recipe: Recipe, pool: HistoryPool, device: torch.device) -> None:
        check_grid(pool.data, *recipe.model.vae.grid)
        self.recipe, self.pool, self.device = recipe, pool, device
        self.trajloom = PaperTrajLoom(recipe.model).to(device)
        self.system: nn.Module = self.trajloom

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own network is trained."""
        stages: dict[str, Callable[..., Stage[Any]]] = {
            "vae": VAEStage,
            "flow": FlowStage,
            "onpolicy": OnPolicyStage,
            "visibility": VisibilityStage,
        }
        self.system.requires_grad_(False)
        stage = stages[name](self.trajloom, self.pool, self.recipe.stages[name], self.device)
        stage.module.requires_grad_(True)
        return stage

    def export(self, folder: Path) -> None:
        """Write the checkpoint folder, in half precision."""
        config = {"format": FORMAT, "system": "trajloom-paper", "model": asdict(self.recipe.model)}
        tensors = dict(self.system.state_dict())
        save_checkpoint(folder, config, tensors, card(self.recipe), dtype=torch.float16)
