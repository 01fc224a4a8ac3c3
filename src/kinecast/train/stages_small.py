"""Recipe `trajloom-small`: our own TrajLoom, from worlds to a checkpoint, in six stages.

    codec       the linear codec, in closed form from the first chunk of clips; with
                model.codec_depth and codec.steps, then the transformers that correct it
    mean        history encoder: mean future and its scale; then the spread of the source noise
    flow        the generator, around the frozen mean
    onpolicy    the generator on states of its own rollouts
    variety     generator, scale and source, so that one future of eight is close
    visibility  the visibility head

A size is one of `systems.trajloom.config.SIZES`.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinecast.core.errors import UserError
from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.trajloom.config import SIZES as CONFIGS
from kinecast.systems.trajloom.config import TrajLoomConfig
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.card import card
from kinecast.train.history_pool import HistoryPool
from kinecast.train.recipe import Augment, Data, Optim, Recipe
from kinecast.train.small_codec import CodecStage, ResidualCodecStage
from kinecast.train.small_flow import FlowStage, OnPolicyStage
from kinecast.train.small_mean import MeanStage
from kinecast.train.small_variety import VarietyStage
from kinecast.train.small_visibility import VisibilityStage
from kinecast.train.stage import Stage

SIZES = tuple(CONFIGS)
BETAS = (0.9, 0.98)
FRAMES = ((832, 480), (640, 480), (854, 480), (480, 640))


def recipe(size: str) -> Recipe:
    """The recipe of the bundled weights at size=small; the same stages at any size."""
    if size == "tiny":
        stages = {
            "codec": Optim(0, 16, 1e-3, betas=BETAS, weight_decay=0.01),
            "mean": Optim(300, 16, 2e-3, betas=BETAS, weight_decay=0.01, ema=0.98),
            "flow": Optim(400, 16, 1e-3, betas=BETAS, weight_decay=0.01, ema=0.98),
            "onpolicy": Optim(8, 8, 1e-4, betas=BETAS),
            "variety": Optim(60, 8, 1e-3, betas=BETAS, ema=0.95),
            "visibility": Optim(120, 16, 2e-3, betas=BETAS, ema=0.95),
        }
        data = Data(clips=512, chunk=256, reuse=2, validation=24)
        return Recipe("trajloom-small", size, CONFIGS[size], stages, data)
    stages = {
        "codec": Optim(0, 32, 1e-3, betas=BETAS, weight_decay=0.01),
        "mean": Optim(2800, 32, 2e-3, betas=BETAS, weight_decay=0.01, validate_every=700),
        "flow": Optim(1000, 32, 1e-3, betas=BETAS, weight_decay=0.01),
        "onpolicy": Optim(60, 32, 1e-4, betas=BETAS),
        "variety": Optim(800, 16, 1e-3, betas=BETAS, ema=0.99, validate_every=200),
        "visibility": Optim(400, 32, 2e-3, betas=BETAS),
    }
    data = Data(
        sizes=FRAMES,
        clips=12_000,
        chunk=1_000,
        reuse=8,
        validation=128,
        augment=Augment(exact=0.3),
    )
    return Recipe("trajloom-small", size, CONFIGS[size], stages, data)


def build(recipe: Recipe, pool: HistoryPool, device: torch.device) -> "SmallPlan":
    """The networks of the recipe."""
    return SmallPlan(recipe, pool, device)


class SmallPlan:
    """The stages in the order of the recipe; each trains its part of one system."""

    def __init__(self, recipe: Recipe, pool: HistoryPool, device: torch.device) -> None:
        config: TrajLoomConfig = recipe.model
        steps = recipe.stages["codec"].steps
        if steps and not config.codec_depth:
            raise UserError(
                f"expected codec.steps=0 for a linear codec, which is computed, got {steps}; "
                "add model.codec_depth=2 to train what corrects it"
            )
        self.recipe, self.pool, self.device = recipe, pool, device
        self.trajloom = TrajLoom(config).to(device)
        self.system: nn.Module = self.trajloom

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own part of the system is trained."""
        system = self.trajloom
        parts: dict[str, nn.Module] = {
            "codec": system.codec,
            "mean": system.history,
            "flow": system.generator,
            "onpolicy": system.generator,
            "variety": nn.ModuleList(
                [system.generator, system.history.log_scale, system.source_noise]
            ),
            "visibility": system.visibility,
        }
        system.requires_grad_(False)
        parts[name].requires_grad_(True)
        stages: dict[str, Callable[..., Any]] = {
            "codec": ResidualCodecStage if system.config.codec_depth else CodecStage,
            "mean": MeanStage,
            "flow": FlowStage,
            "onpolicy": OnPolicyStage,
            "variety": VarietyStage,
            "visibility": VisibilityStage,
        }
        return stages[name](system, self.pool, self.device)

    def export(self, folder: Path) -> None:
        """Write the checkpoint folder, in half precision."""
        config = {"format": 1, "system": "trajloom", "model": asdict(self.trajloom.config)}
        tensors = dict(self.system.state_dict())
        save_checkpoint(folder, config, tensors, card(self.recipe), dtype=torch.float16)
