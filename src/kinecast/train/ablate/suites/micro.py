"""Suite `micro`: two arms of a few steps, to see that everything works; it resolves nothing."""

from dataclasses import replace

from kinecast.train.ablate import history_scores as scores
from kinecast.train.ablate.arm import Arm, Claim, Suite
from kinecast.train.recipe import Data, Optim
from kinecast.train.recipes import recipe_of


def suite() -> Suite:
    """The VAE with and without offsets, at the recipes' smallest size."""
    recipe = recipe_of("trajloom-vae", "tiny")
    assert isinstance(recipe.data, Data)
    data = replace(recipe.data, clips=16, chunk=16, validation=4)
    recipe = replace(recipe, data=data, stages={"vae": Optim(4, 4, 2e-3, bf16=False)})
    positions = replace(recipe, model=replace(recipe.model, offsets=False))
    without = "without offsets"
    arms = (
        Arm("offsets", "TrajLoom's VAE of offsets", scores.vae_scores, recipe),
        Arm(without, "the same of positions", scores.vae_scores, positions),
    )
    claims = (
        Claim(without, "offsets", scores.EXPLAINED, "higher", "figure 3b", "a figure"),
        Claim(
            without,
            "offsets",
            scores.VEPE,
            "higher",
            "table 4 (81 frames)",
            "4.30 / 4.01 / 3.24 / 3.99 against 2.04 / 1.61 / 0.77 / 1.72",
        ),
    )
    return Suite(
        "micro", "two arms in seconds, to try the command", arms, claims, (("vae", "model"),)
    )
