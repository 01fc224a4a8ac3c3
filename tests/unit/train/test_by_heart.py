"""The published TrajLoom's networks learn one batch by heart; the others do in their own tests."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from whn_recipes import overfit

from kinecast.train.pool import WorldPool
from kinecast.train.recipe import with_words
from kinecast.train.recipes import recipe_of
from kinecast.train.stages_trajloom import build

CPU = torch.device("cpu")
WORDS = ["model.visibility.width=64", "batch=2", "data.clips=32", "data.chunk=32"]
WORDS += ["data.validation=4"]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory):
    recipe = with_words(recipe_of("trajloom", "tiny"), WORDS)
    with WorldPool(recipe.data, 0, Path(tmp_path_factory.mktemp("clips"))) as pool:
        yield recipe, pool


def stages_of(pool, name: str):
    recipe, clips = pool
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plan = build(recipe, clips, CPU)
    vae = plan.stage("vae")
    if name == "vae":
        return vae, clips.batch(0, 1, 1)
    vae.finish()
    stage = plan.stage(name)
    return stage, stage.batch(0)


def decidable(batch):
    """Latents that differ and tokens that are seen or not.

    Those of an untrained VAE are equal wherever nothing moves, and a token that is half seen has an
    entropy of its own: no network can lower either.
    """
    draw = torch.Generator().manual_seed(1)
    latents = {
        k: torch.randn(getattr(batch, k).shape, generator=draw) for k in ("history", "future")
    }
    hard = {k: (getattr(batch, k) > 0.5).float() for k in ("history_visible", "future_visible")}
    return replace(batch, **latents, **hard)


@pytest.mark.parametrize(
    ("name", "steps", "rate"), [("vae", 320, 1e-2), ("flow", 200, 1e-2), ("visibility", 200, 1e-2)]
)
def test_one_batch_is_learnt_by_heart(pool, name, steps, rate):
    stage, batch = stages_of(pool, name)
    if name == "visibility":
        batch = decidable(batch)
    first, last = overfit(stage, batch, steps, rate)
    assert last < 0.01 * first
