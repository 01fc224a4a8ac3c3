"""The table of recipes: name -> "module:function" of its `recipe(size)`.

The module also holds `SIZES` and `build(recipe, pool, device)`, which makes networks and stages.
"""

from importlib import import_module
from typing import Any

import torch

from kinecast.core.errors import UserError, did_you_mean
from kinecast.train.chunk_pool import ChunkPool
from kinecast.train.recipe import Recipe
from kinecast.train.stage import Plan

RECIPES = {
    "trajloom-small": "kinecast.train.stages_small:recipe",
    "trajloom": "kinecast.train.stages_trajloom:whole",
    "trajloom-vae": "kinecast.train.stages_trajloom:vae",
    "trajloom-flow": "kinecast.train.stages_trajloom:flow",
    "trajloom-onpolicy": "kinecast.train.stages_trajloom:onpolicy",
    "trajloom-visibility": "kinecast.train.stages_trajloom:visibility",
    "whn-vae": "kinecast.train.stages_whn:vae",
    "whn-latent": "kinecast.train.stages_whn:latent",
    "whn-raw": "kinecast.train.stages_whn:raw",
    "whn-text": "kinecast.train.stages_whn:text",
    "zipmo-vae": "kinecast.train.stages_zipmo:vae",
    "zipmo-sparse": "kinecast.train.stages_zipmo:sparse",
    "zipmo-dense": "kinecast.train.stages_zipmo:dense",
    "zipmo-text": "kinecast.train.stages_zipmo:text",
    "zipmo-policy": "kinecast.train.stages_zipmo:policy",
    "regression-history": "kinecast.train.stages_regression:history",
    "regression-image": "kinecast.train.stages_regression:image",
    "regression-text": "kinecast.train.stages_regression:text",
}
DEFAULT_SIZE = "small"


def recipe_of(name: str, size: str = DEFAULT_SIZE) -> Recipe:
    """A full recipe.

    Raises:
        UserError: no such recipe (names the nearest), or it has no such size.
    """
    module, function = _module_of(name)
    if size not in module.SIZES:
        raise UserError(
            f"recipe {name} has no size {size!r}; use size={' or size='.join(module.SIZES)}"
        )
    recipe: Recipe = getattr(module, function)(size)
    return recipe


def build(recipe: Recipe, pool: ChunkPool[Any], device: torch.device) -> Plan:
    """The networks and stages of a recipe of the table."""
    module, _ = _module_of(recipe.name)
    plan: Plan = module.build(recipe, pool, device)
    return plan


def _module_of(name: str) -> tuple[Any, str]:
    if name not in RECIPES:
        hint = did_you_mean(name, RECIPES)
        raise UserError(f"no recipe {name!r}{hint}; recipes: {', '.join(RECIPES)}")
    module, _, function = RECIPES[name].partition(":")
    return import_module(module), function
