"""Recipe `trajloom-small`: our own TrajLoom, from worlds to a checkpoint, in six stages.

    codec       the linear codec, in closed form from the first chunk of clips
    mean        history encoder: mean future and its scale; then the spread of the source noise
    flow        the generator, around the frozen mean
    onpolicy    the generator on states of its own rollouts
    spread      how wide the samples are, in closed form on held-out clips
    visibility  the visibility head

A size is one of `systems.trajloom.config.SIZES`.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from kinecast.core import coords
from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.trajloom.config import SIZES as CONFIGS
from kinecast.systems.trajloom.config import TrajLoomConfig
from kinecast.systems.trajloom.patches import to_tokens
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.train.card import card
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Data, Optim, Recipe
from kinecast.train.small_flow import FlowStage, OnPolicyStage, SpreadStage
from kinecast.train.small_mean import MeanStage
from kinecast.train.small_visibility import VisibilityStage
from kinecast.train.stage import Stage

SIZES = tuple(CONFIGS)
BETAS = (0.9, 0.98)
FRAMES = ((832, 480), (640, 480), (854, 480), (480, 640))
CODEC_CLIPS = 512  # of the first chunk; their tokens are 50,000 examples


def recipe(size: str) -> Recipe:
    """The recipe of the bundled weights at size=small; the same stages at any size."""
    if size == "tiny":
        stages = {
            "codec": Optim(steps=0, batch=1, lr=0.0),
            "mean": Optim(60, 8, 2e-3, betas=BETAS, weight_decay=0.01),
            "flow": Optim(60, 8, 1e-3, betas=BETAS, weight_decay=0.01),
            "onpolicy": Optim(4, 8, 1e-4, betas=BETAS),
            "spread": Optim(steps=0, batch=1, lr=0.0),
            "visibility": Optim(20, 8, 2e-3, betas=BETAS),
        }
        data = Data(clips=64, chunk=64, validation=8)
        return Recipe("trajloom-small", size, CONFIGS[size], stages, data)
    stages = {
        "codec": Optim(steps=0, batch=1, lr=0.0),
        "mean": Optim(2600, 32, 2e-3, betas=BETAS, weight_decay=0.01),
        "flow": Optim(2800, 32, 1e-3, betas=BETAS, weight_decay=0.01, validate_every=1200),
        "onpolicy": Optim(100, 32, 1e-4, betas=BETAS),
        "spread": Optim(steps=0, batch=1, lr=0.0),
        "visibility": Optim(300, 32, 2e-3, betas=BETAS),
    }
    data = Data(sizes=FRAMES, clips=32_000, chunk=1_000, reuse=8, validation=128)
    return Recipe("trajloom-small", size, CONFIGS[size], stages, data)


def build(recipe: Recipe, pool: WorldPool, device: torch.device) -> "SmallPlan":
    """The networks of the recipe."""
    return SmallPlan(recipe, pool, device)


class SmallPlan:
    """The stages in the order of the recipe; each trains its part of one system."""

    def __init__(self, recipe: Recipe, pool: WorldPool, device: torch.device) -> None:
        config: TrajLoomConfig = recipe.model
        self.recipe, self.pool, self.device = recipe, pool, device
        self.trajloom = TrajLoom(config).to(device)
        self.system: nn.Module = self.trajloom

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own part of the system is trained."""
        system = self.trajloom
        parts: dict[str, nn.Module] = {
            "codec": nn.Identity(),
            "mean": system.history,
            "flow": system.generator,
            "onpolicy": system.generator,
            "spread": nn.Identity(),
            "visibility": system.visibility,
        }
        system.requires_grad_(False)
        parts[name].requires_grad_(True)
        stages: dict[str, Callable[..., Any]] = {
            "codec": CodecStage,
            "mean": MeanStage,
            "flow": FlowStage,
            "onpolicy": OnPolicyStage,
            "spread": SpreadStage,
            "visibility": VisibilityStage,
        }
        return stages[name](system, self.pool, self.device)

    def export(self, folder: Path) -> None:
        """Write the checkpoint folder, in half precision."""
        config = {"format": 1, "system": "trajloom", "model": asdict(self.trajloom.config)}
        tensors = dict(self.system.state_dict())
        save_checkpoint(folder, config, tensors, card(self.recipe), dtype=torch.float16)


class CodecStage:
    """Closed form: the principal directions of how patches of cells move in a window."""

    def __init__(self, system: TrajLoom, pool: WorldPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._pool, self._device = system, pool, device

    def finish(self) -> None:
        """Fit the codec to futures, seen from the last frame of the history."""
        config = self._system.config
        features = config.patch**2 * config.frames * 2
        moment = torch.zeros(features, features, dtype=torch.float64)
        step, count = 32, 0
        clips = min(CODEC_CLIPS, self._pool.clips_of_one_size)
        for start in range(0, clips, step):
            draw = torch.Generator().manual_seed(start)
            batch = self._pool.take(0, 0, torch.arange(start, min(start + step, clips)), draw)
            history, future = batch.fields()
            moved = coords.displacement_to_reference(
                future.xy.clamp(-2, 2) - history.xy[:, -1:].clamp(-2, 2), batch.size
            )
            seen = to_tokens(future.visible[..., None].float(), config.patch).mean((2, 3, 4)) > 0.5
            tokens = to_tokens(moved, config.patch).flatten(2)[seen].double()
            moment += tokens.T @ tokens
            count += len(tokens)
        self._system.codec.fit(moment / count)
