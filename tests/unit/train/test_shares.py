"""Whatever the recipe, shares of a batch have on average the loss and gradient of the whole."""

from dataclasses import replace

import pytest
import torch

from kinecast.train.draw import Draw, first, normal, own, rows, whole
from kinecast.train.pools import open_pool
from kinecast.train.recipe import with_words
from kinecast.train.recipes import RECIPES, build, recipe_of
from kinecast.train.stage import OwnBatches

CPU = torch.device("cpu")
KEYS = (3, 1, 4)


def brief(name):
    """A recipe with few and short clips; those of pictures and LIBERO's are tiny already."""
    recipe = with_words(
        recipe_of(name, "tiny"),
        ["batch=8", "bf16=false", "data.clips=16", "data.chunk=16", "data.validation=2"],
    )
    if name in ("trajloom-small", "regression-history"):
        data = replace(recipe.data, history=12, horizon=12)
        return replace(recipe, model=replace(recipe.model, frames=12), data=data)
    return recipe


def evaluated(stage, batch, count):
    """Mean loss, parts and gradient over `count` shares."""
    for p in stage.module.parameters():
        p.grad = None
    total, sums = 0.0, {}
    for index in range(count):
        draw = Draw.of(KEYS, index, count, batch if count > 1 else None)
        part = batch.rows(slice(index, None, count)) if count > 1 else batch
        loss, parts = stage.loss(part, draw)
        (loss / count).backward()
        total += loss.item() / count
        for key, value in parts.items():
            sums[key] = sums.get(key, 0.0) + value / count
    grads = {
        name: p.grad.clone() for name, p in stage.module.named_parameters() if p.grad is not None
    }
    return total, sums, grads


def check(stage, batch, name):
    stage.module.train()
    loss, parts, grads = evaluated(stage, batch, 1)
    for count in (2, 4):
        again, same, others = evaluated(stage, batch, count)
        assert again == pytest.approx(loss, rel=1e-5, abs=1e-6), (name, count)
        for key, value in parts.items():
            assert same[key] == pytest.approx(value, rel=1e-4, abs=1e-5), (name, count, key)
        largest = max(g.abs().max() for g in grads.values())
        for key, value in grads.items():
            gap = (others[key] - value).abs().max()
            assert gap <= 1e-4 * largest, (name, count, key, gap, largest)


@pytest.mark.parametrize(
    "name", [n if n in ("trajloom", "trajloom-small") else pytest.param(n, marks=pytest.mark.slow)
             for n in RECIPES]
)  # fmt: skip
def test_shares_agree_with_the_whole(name, tmp_path):
    recipe = brief(name)
    with open_pool(recipe, tmp_path, CPU) as pool, torch.random.fork_rng():
        torch.manual_seed(0)
        plan = build(recipe, pool, CPU)
        for stage_name, optim in recipe.stages.items():
            stage = plan.stage(stage_name)
            if optim.steps:
                own_batches = isinstance(stage, OwnBatches)
                batch = stage.batch(0) if own_batches else pool.batch(0, 8, 1)
                assert len(batch) % 4 == 0
                check(stage, batch, stage_name)
            stage.module.eval()
            stage.finish()


class Clips:
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def tensors(self):
        return {"x": self.x}

    def to(self, device):
        return Clips(self.x.to(device))


def test_a_share_draws_the_rows_of_its_clips():
    batch = Clips(torch.arange(6))
    alone, later = Draw.of(KEYS), Draw.of(KEYS)
    every = normal(alone, (6, 2))
    twice = normal(alone, (12, 2))  # two rows a clip: all first ones, then all second ones
    common = torch.rand((), generator=alone)
    for index in range(3):
        draw = Draw.of(KEYS, index, 3, batch)
        assert torch.equal(normal(draw, (2, 2)), every[index::3])
        both = twice.view(2, 6, 2)[:, index::3].reshape(4, 2)
        assert torch.equal(normal(draw, (4, 2)), both)
        assert torch.equal(torch.rand((), generator=draw), common)
        assert torch.equal(own(draw, batch.x), batch.x[index::3])
        assert torch.equal(whole(draw, Clips(batch.x[index::3])).x, batch.x)
    assert torch.equal(rows(later, 6, lambda n: torch.randn(n, 2, generator=later)), every)


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_first_clips_are_divided_and_weighted(count):
    values = torch.arange(24.0)
    total = 0.0
    for index in range(count):
        some, weight = first(Draw.of(KEYS, index, count), 24 // count, 5)
        if some:
            total += weight * values[index::count][:some].mean().item() / count
    assert total == pytest.approx(values[:5].mean().item())
