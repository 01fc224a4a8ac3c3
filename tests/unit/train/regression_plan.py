"""A small genuine problem for the loop: regress the next displacement of points."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from kinecast.core import coords, rng
from kinecast.core.grid import Grid
from kinecast.train import checkpoint
from kinecast.train.recipe import Data, Optim, Recipe
from kinecast.train.stage import Batch

SIZE = (96, 64)
GRID = Grid.over(SIZE, 32.0)


@dataclass(frozen=True)
class Regressor:
    width: int = 16
    sharp: bool = False


def batch_of(step, clips=8):
    """Straight motions on a small non-square frame, keyed by the step."""
    draw = rng.generator(7, step)
    velocity = torch.randn(clips, 1, GRID.h, GRID.w, 2, generator=draw)
    time = torch.arange(6.0)[None, :, None, None, None]
    xy = torch.from_numpy(GRID.points()) + velocity * time
    visible = coords.inside(xy, SIZE)
    noisy = xy[:, :4] + 0.1 * torch.randn(clips, 4, GRID.h, GRID.w, 2, generator=draw)
    return Batch(xy, visible, noisy, visible[:, :4], SIZE, GRID)


class RegressionStage:
    def __init__(self, module, noise=0.01):
        self.module, self.noise, self.finished = module, noise, False

    def _error(self, batch, draw=None):
        moved = (batch.noisy_xy[:, 1:] - batch.noisy_xy[:, :-1]).movedim(1, -2).flatten(-2)
        target = batch.xy[:, -1] - batch.xy[:, -2]
        if draw is not None:
            moved = moved + self.noise * torch.randn(moved.shape, generator=draw)
        return (self.module(moved).float() - target).square().mean(), target.square().mean()

    def loss(self, batch, draw):
        loss, rest = self._error(batch, draw)
        return loss, {"rest": rest.item()}

    def validate(self):
        assert not self.module.training
        loss, rest = self._error(batch_of(10**6))
        return {"model": loss.item(), "constant position": rest.item()}

    def finish(self):
        self.finished = True


class RegressionPlan:
    def __init__(self, recipe):
        width = recipe.model.width
        self.system = nn.Sequential(nn.Linear(6, width), nn.GELU(), nn.Linear(width, 2))
        self.system.register_buffer("finished", torch.zeros(()))

    def stage(self, name):
        plan = self

        class Named(RegressionStage):
            def finish(self):
                plan.system.finished += 1

        return Named(self.system)

    def export(self, folder: Path):
        checkpoint.save(folder / "model.safetensors", self.system.state_dict())


def optim(**changes):
    values = {
        "steps": 40,
        "batch": 8,
        "lr": 1e-2,
        "warmup": 4,
        "ema": 0.9,
        "validate_every": 15,
        "save_every": 10,
    }
    return Optim(**(values | changes))


def recipe(**changes):
    values = {
        "name": "regression",
        "size": "tiny",
        "model": Regressor(),
        "stages": {"first": optim(), "second": optim(steps=20, lr=1e-3)},
        "data": Data(
            history=4, horizon=2, sizes=(SIZE,), stride=32.0, clips=64, chunk=32, validation=16
        ),
    }
    return Recipe(**(values | changes))


def build(recipe, pool, device):
    return RegressionPlan(recipe)
