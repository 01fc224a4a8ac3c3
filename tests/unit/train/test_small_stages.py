"""The stages of our own TrajLoom, on a few simulated clips."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from whn_recipes import overfit

from kinecast.core import rng
from kinecast.io.checkpoint import load_checkpoint
from kinecast.systems.registry import build as build_system
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Data, Recipe
from kinecast.train.run import train
from kinecast.train.small_mean import latent_target, moving, shortened, target
from kinecast.train.stages_small import SmallPlan, build, recipe


@pytest.fixture(scope="module")
def brief() -> Recipe:
    """The tiny recipe on short clips."""
    full = recipe("tiny")
    data = replace(full.data, history=12, horizon=12, clips=40, chunk=40, validation=4)
    stages = {name: replace(o, steps=min(o.steps, 3)) for name, o in full.stages.items()}
    return replace(full, model=replace(full.model, frames=12), data=data, stages=stages)


@pytest.fixture(scope="module")
def plan(brief: Recipe, tmp_path_factory: pytest.TempPathFactory):
    """Networks with a fitted codec."""
    with WorldPool(brief.data, 0, tmp_path_factory.mktemp("clips")) as pool:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            plan = SmallPlan(brief, pool, torch.device("cpu"))
        plan.stage("codec").finish()
        yield plan


def test_the_codec_keeps_most_of_the_motion(plan: SmallPlan):
    history, future = plan.pool.batch(0, 8, 1).fields()
    moved = target(history, future)
    again = plan.trajloom.codec.decode(plan.trajloom.codec.encode(moved), *moved.shape[2:4])
    seen = future.visible
    kept = 1 - (again - moved)[seen].square().sum() / moved[seen].square().sum()
    assert kept > 0.9  # 32 of 96 numbers


def test_each_stage_trains_its_own_part_only(plan: SmallPlan):
    parts = {"mean": "history", "flow": "generator", "visibility": "visibility"}
    for name, part in parts.items():
        plan.stage(name)
        trained = {n.split(".")[0] for n, p in plan.system.named_parameters() if p.requires_grad}
        assert trained == {part}
    plan.stage("variety")
    trained = {n for n, p in plan.system.named_parameters() if p.requires_grad}
    heads = {"history.log_scale.weight", "history.log_scale.bias"}
    assert {n for n in trained if n.startswith("history")} == heads
    assert {n.split(".")[0] for n in trained - heads} == {"generator", "source_noise"}


@pytest.mark.parametrize("name", ["mean", "flow", "onpolicy", "variety", "visibility"])
def test_a_stage_lowers_its_loss_on_one_batch(plan: SmallPlan, name: str):
    stage = plan.stage(name)
    batch = plan.pool.batch(0, 8, 1)
    start = {k: v.clone() for k, v in plan.system.state_dict().items()}
    trained = [p for p in plan.system.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=2e-3)
    losses = []
    for _ in range(12):
        loss, _ = stage.loss(batch, rng.generator(0))  # the same draws each time
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    plan.system.load_state_dict(start)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("name", "steps", "left"), [("mean", 300, 0.1), ("flow", 500, 0.01), ("visibility", 100, 0.01)]
)
def test_one_batch_is_learnt_by_heart(plan: SmallPlan, name: str, steps: int, left: float):
    """The mean's likelihood has no floor; its error is held up by what the codec leaves out."""
    stage = plan.stage(name)
    batch = plan.pool.batch(0, 2, 1)
    start = {k: v.clone() for k, v in plan.system.state_dict().items()}

    def error() -> float:
        loss, parts = stage.loss(batch, rng.generator(3))
        return parts.get("ratio", loss.item())

    before = error()
    overfit(stage, batch, steps, rate=1e-2)
    after = error()
    plan.system.load_state_dict(start)
    assert after < left * before


def test_the_same_draws_give_the_same_loss(plan: SmallPlan):
    batch = plan.pool.batch(0, 8, 1)
    for name in ("mean", "flow", "onpolicy", "variety", "visibility"):
        stage = plan.stage(name)
        first, second = (stage.loss(batch, rng.generator(7))[0].item() for _ in range(2))
        assert first == second


def test_targets_are_finite_and_relative_to_the_last_frame(plan: SmallPlan):
    history, future = plan.pool.batch(0, 8, 1).fields()
    moved = target(history, future)
    assert torch.isfinite(moved).all()
    z = latent_target(plan.trajloom, future, plan.trajloom.condition(history))
    assert z.abs().max() <= 8.0


def test_a_history_may_be_shorter_than_the_shortest_part_of_one(plan: SmallPlan):
    batch = plan.pool.batch(0, 2, 1).shortened(5)
    seen = [shortened(batch, rng.generator(seed))[0].xy.shape[1] for seed in range(20)]
    assert set(seen) == {5}


def test_moving_points_are_those_that_get_far():
    moved = torch.zeros(1, 3, 1, 3, 2)
    moved[0, 1, 0, 1, 0] = 30.0  # over 2 % of 960 reference pixels
    moved[0, 2, 0, 2, 0] = 30.0
    visible = torch.ones(1, 3, 1, 3, dtype=torch.bool)
    visible[0, 2, 0, 2] = False
    assert moving(moved, visible, (832, 480)).flatten().tolist() == [False, True, False]


def test_a_whole_run_exports_a_model_that_forecasts(brief: Recipe, tmp_path: Path):
    result = train(brief, build, tmp_path / "run", torch.device("cpu"), quiet=True)
    config, tensors = load_checkpoint(result.paths["model"])
    system = build_system(config)
    system.load_state_dict(tensors)
    assert system.codec.basis.abs().sum() > 0
    assert "model" in result.validation


def test_the_bundled_recipe_is_the_small_one():
    small = recipe("small")
    assert list(small.stages) == ["codec", "mean", "flow", "onpolicy", "variety", "visibility"]
    assert small.data == replace(
        Data(),
        **{
            k: getattr(small.data, k)
            for k in (
                "sizes",
                "clips",
                "chunk",
                "reuse",
                "validation",
                "augment",
            )
        },
    )
