"""Stage `codec`: fitted, and then corrected."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.io.checkpoint import load_checkpoint
from kinecast.systems.registry import build as build_system
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Recipe, with_words
from kinecast.train.run import train
from kinecast.train.small_codec import CodecStage, ResidualCodecStage
from kinecast.train.stages_small import SmallPlan, build, recipe

SHORT = (
    "data.history=12", "data.horizon=12", "data.clips=40", "data.chunk=40", "data.validation=4",
)  # fmt: skip
CPU = torch.device("cpu")


def residual(*words: str) -> Recipe:
    """What `kinecast train trajloom-small size=tiny` runs, on short clips."""
    words = ("model.frames=12", "model.codec_depth=1", "codec.steps=8", *SHORT, *words)
    return with_words(recipe("tiny"), words)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory):
    with WorldPool(residual().data, 0, tmp_path_factory.mktemp("clips")) as pool:
        yield pool


def plan(recipe: Recipe, pool: WorldPool) -> SmallPlan:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(recipe, pool, CPU)


def test_the_linear_part_is_the_one_that_a_linear_codec_has(pool: WorldPool):
    corrected, linear = (plan(residual(f"model.codec_depth={d}", f"codec.steps={d}"), pool)
                         for d in (1, 0))  # fmt: skip
    assert isinstance(corrected.stage("codec"), ResidualCodecStage)
    stage = linear.stage("codec")
    assert isinstance(stage, CodecStage)
    stage.finish()
    for name in ("basis", "scale"):
        ours, theirs = (getattr(p.trajloom.codec, name) for p in (corrected, linear))
        assert torch.equal(ours, theirs)


def test_training_starts_at_the_linear_codec_and_gets_below_it_on_one_batch(pool: WorldPool):
    made = plan(residual(), pool)
    stage = made.stage("codec")
    trained = [name for name, p in made.system.named_parameters() if p.requires_grad]
    assert {name.split(".")[0] for name in trained} == {"codec"}
    before = stage.validate()
    assert before["model"] == before["linear"] > 0
    batch = pool.batch(0, 8, 1)
    optimiser = torch.optim.AdamW(stage.module.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        loss, parts = stage.loss(batch, rng.generator(0))
        assert parts.keys() == {"reconstruction", "temporal", "spatial"}
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[-1] < losses[0]
    after = stage.validate()
    assert after["linear"] == before["linear"]
    assert after["model"] != after["linear"]


def test_the_errors_are_pixels_of_the_frame(pool: WorldPool):
    made = plan(residual(), pool)
    stage = made.stage("codec")
    made.trajloom.codec.basis.zero_()  # forecasts rest: the error is how far points get
    distances = []
    for batch in pool.validation():
        moved = batch.xy[:, batch.history :] - batch.noisy_xy[:, -1:]
        distances.append(moved.norm(dim=-1)[batch.visible[:, batch.history :]])
    assert stage.validate()["linear"] == pytest.approx(torch.cat(distances).mean().item(), 1e-3)


def test_a_linear_codec_has_nothing_to_train(pool: WorldPool):
    with pytest.raises(UserError, match=r"expected codec.steps=0 .* got 8; add model.codec_depth"):
        plan(residual("model.codec_depth=0"), pool)


def test_a_whole_run_exports_a_residual_codec(tmp_path: Path):
    made = residual("codec.steps=4", "codec.batch=4", "mean.steps=1", "flow.steps=1")
    stages = {k: replace(o, steps=min(o.steps, 4), batch=4) for k, o in made.stages.items()}
    made = replace(made, stages={**stages, "onpolicy": replace(stages["onpolicy"], steps=1)})
    result = train(made, build, tmp_path / "run", CPU, quiet=True)
    assert result.stages["codec"]["validation"].keys() == {"step", "model", "linear"}
    config, tensors = load_checkpoint(result.paths["model"])
    system = build_system(config)
    system.load_state_dict(tensors)
    assert system.config.codec_depth == 1
