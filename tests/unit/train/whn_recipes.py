"""WHN recipes of a few numbers: networks and clips that take milliseconds."""

from dataclasses import replace

import torch

from kinecast.core import rng
from kinecast.train.recipe import ImageData, Recipe
from kinecast.train.recipes import recipe_of
from kinecast.train.whn_network import WHNModel

CPU = torch.device("cpu")
MODEL = WHNModel(
    width=32, heads=2, depth=2, vae_width=32, vae_heads=2, vae_depth=2, channels=4, point_width=8,
    samples=2,
)  # fmt: skip
CLIPS = {"frames": 4, "size": (48, 32), "clips": 8, "chunk": 8, "validation": 3}


def small(name: str, **data) -> Recipe:
    """A recipe of the table with these networks, on clips of 4 frames and 4 x 6 points."""
    recipe = recipe_of(name, "tiny")
    assert isinstance(recipe.data, ImageData)
    return replace(recipe, model=MODEL, data=replace(recipe.data, **(CLIPS | data)))


def overfit(stage, batch, steps: int, rate: float) -> tuple[float, float]:
    """First and last loss of one batch, with the same noise and times in every step."""
    trained = [p for p in stage.module.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 20)
    losses = []
    for _ in range(steps):
        loss, _ = stage.loss(batch, rng.generator(3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
        losses.append(loss.item())
    return losses[0], losses[-1]
