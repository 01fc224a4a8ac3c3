"""Recipes of the regressors: one future of every point, from a history or from an image.

    regression  the network, all of it

They are the opponents of the generative recipes, and trained as those are: `regression-history` on
the clips of `trajloom-small`, as many as all of its stages see; `regression-image` on the clips and
for the steps of `whn-raw`, `regression-text` on those of the denoiser of `whn-text`; there points
are drawn anywhere.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch

from kinecast.core.ranges import Count
from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.registry import FORMAT
from kinecast.systems.regression.config import HistoryConfig, ImageConfig
from kinecast.systems.regression.history import HistoryRegression
from kinecast.systems.regression.image import ImageRegression
from kinecast.train import stages_small, stages_whn
from kinecast.train.card import card
from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.history_pool import HistoryPool
from kinecast.train.image_card import image_card
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData, Recipe
from kinecast.train.regression import HistoryStage, ImageStage
from kinecast.train.stage import Stage
from kinecast.train.whn_network import WHNModel, image_tokens, text_width

SIZES = ("tiny", "small", "base")
STAGE = "regression"
POINTS = 128  # of a clip with a picture, drawn anywhere
WHAT = "One future of any points over {} frames from one image{}: a regression, no samples."
BETWEEN = "where several futures are possible they forecast something between them"
LIMITS = (
    f"{BETWEEN}, often too little motion. The weights know the worlds they were trained on; how "
    "far they carry over to other pictures was not measured."
)


@dataclass(frozen=True)
class RegressionModel:
    """Sizes of the network that reads a picture.

    Attributes:
        width, heads, depth: of the transformer over the image, and of that which reads it.
    """

    width: Count
    heads: Count
    depth: Count


def history(size: str) -> Recipe:
    """From a history: the clips of `trajloom-small`, as many as its stages see together."""
    ours = stages_small.recipe(size)
    clips = sum(optim.steps * optim.batch for optim in ours.stages.values())
    usual = ours.stages["mean"]
    model = HistoryConfig(
        frames=ours.model.frames,
        width=ours.model.width,
        heads=ours.model.heads,
        depth=ours.model.history_depth,
    )
    stages = {STAGE: replace(usual, steps=clips // usual.batch, lr=_rate(size))}
    return Recipe("regression-history", size, model, stages, ours.data)


def image(size: str) -> Recipe:
    """From an image: the clips and the budget of `whn-raw`."""
    return _pictured("regression-image", stages_whn.raw(size))


def text(size: str) -> Recipe:
    """From an image and a text: the clips of `whn-text`, the budget of its denoiser."""
    return _pictured("regression-text", stages_whn.text(size))


def build(recipe: Recipe, pool: ChunkPool[Any], device: torch.device) -> "RegressionPlan":
    """The network of the recipe."""
    return RegressionPlan(recipe, pool, device)


def _pictured(name: str, theirs: Recipe) -> Recipe:
    model, data = theirs.model, theirs.data
    assert isinstance(model, WHNModel)
    assert isinstance(data, ImageData)
    stages = {STAGE: replace(theirs.stages["flow"], lr=_rate(theirs.size))}
    sizes = RegressionModel(model.width, model.heads, model.depth // 2)
    return Recipe(name, theirs.size, sizes, stages, replace(data, points=POINTS))


def _rate(size: str) -> float:
    return {"tiny": 2e-3, "small": 1e-3, "base": 3e-4}[size]


class RegressionPlan:
    """One stage, which trains all of the system."""

    def __init__(self, recipe: Recipe, pool: ChunkPool[Any], device: torch.device) -> None:
        self.recipe, self._pool, self._device = recipe, pool, device
        self.system: HistoryRegression | ImageRegression = (
            ImageRegression(image_config(recipe.model, recipe.data))
            if isinstance(recipe.data, ImageData)
            else HistoryRegression(recipe.model)
        ).to(device)

    def stage(self, name: str) -> Stage[Any]:
        """The only one."""
        if isinstance(self.system, HistoryRegression):
            assert isinstance(self._pool, HistoryPool)
            return HistoryStage(self.system, self._pool, self._device)
        assert isinstance(self._pool, ImageClips)
        return ImageStage(self.system, self._pool, self._device)

    def export(self, folder: Any) -> None:
        """Write the checkpoint folder, in half precision."""
        data, kind = self.recipe.data, "history"
        readme = ""
        if isinstance(data, ImageData):
            kind, told = "image", " and a text" if data.text_encoder else ""
            readme = image_card(self.recipe, WHAT.format(data.frames - 1, told), LIMITS)
        else:
            readme = card(self.recipe, "one future", BETWEEN)
        config = {
            "format": FORMAT,
            "system": f"regression-{kind}",
            "model": self.system.to_config(),
        }
        tensors = dict(self.system.state_dict())
        save_checkpoint(folder, config, tensors, readme, dtype=torch.float16)


def image_config(model: RegressionModel, data: ImageData) -> ImageConfig:
    """The network of a recipe's sizes and data.

    Raises:
        UserError: an encoder of image or text whose tokens are not known.
    """
    tokens, width = image_tokens(data)
    told: dict[str, Any] = {}
    if data.text_encoder:
        told = {"text": text_width(data.text_encoder), "text_encoder": data.text_encoder}
    return ImageConfig(
        frames=data.frames,
        size=data.size,
        encoder=data.encoder,
        encoder_size=data.encoder_size,
        features=width,
        tokens=tokens,
        **told,
        width=model.width,
        heads=model.heads,
        depth=model.depth,
    )
