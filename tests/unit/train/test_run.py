import json
from dataclasses import replace

import pytest
import torch
from regression_plan import batch_of, build, optim, recipe

from kinecast.core.errors import UserError
from kinecast.train import checkpoint, run
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import Augment

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def straight_motions(monkeypatch):
    """The run's own logic, without simulated worlds."""
    monkeypatch.setattr(WorldPool, "batch", lambda self, step, batch, *keys: batch_of(step, batch))


def train(out, **changes):
    return run.train(recipe(**changes), build, out, CPU, quiet=True)


def system(path):
    return checkpoint.load(path)[0]


def test_stages_run_in_order_and_the_model_is_exported(tmp_path):
    result = train(tmp_path)
    assert result.recipe == "regression"
    assert result.steps == 60
    assert list(result.stages) == ["first", "second"]
    assert result.loss_last < result.stages["first"]["loss_first"] * 0.2
    assert result.validation["model"] < result.validation["constant position"]
    assert system(tmp_path / "second" / "system.safetensors")["2.weight"].shape == (2, 16)
    exported = system(tmp_path / "model" / "model.safetensors")
    assert exported["finished"] == 2  # both stages were finished, once
    for path in result.paths.values():
        assert path.startswith("/")
    assert json.loads(run.to_json(result))["loss_first"] == result.loss_first


def test_a_run_stopped_between_and_within_stages_equals_an_uninterrupted_one(tmp_path, monkeypatch):
    train(tmp_path / "whole")
    for stop in (13, 45):  # batches drawn before each crash
        count = iter(range(stop))

        def batches(self, step, batch, *keys, count=count):
            if next(count, None) is None:
                raise KeyboardInterrupt
            return batch_of(step, batch)

        monkeypatch.setattr(WorldPool, "batch", batches)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "parts")
        assert not (tmp_path / "parts" / "model").exists()
    monkeypatch.setattr(WorldPool, "batch", lambda self, step, b, *keys: batch_of(step, b))
    train(tmp_path / "parts")
    one, other = (
        system(tmp_path / name / "model" / "model.safetensors") for name in ("whole", "parts")
    )
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = train(tmp_path)
    before = (tmp_path / "first" / "system.safetensors").stat().st_mtime_ns
    assert train(tmp_path).stages == first.stages
    assert (tmp_path / "first" / "system.safetensors").stat().st_mtime_ns == before


def test_another_recipe_does_not_continue_a_run(tmp_path):
    train(tmp_path)
    stages = {**recipe().stages, "first": optim(lr=5e-3)}
    with pytest.raises(UserError, match=r"first.lr was 0.01 and is now 0.005; .*another --out"):
        train(tmp_path, stages=stages)
    with pytest.raises(UserError, match=r"model.width was 16 and is now 8"):
        train(tmp_path, model=replace(recipe().model, width=8))
    data = replace(recipe().data, augment=Augment(warp=0.25))  # what differs, not all around it
    with pytest.raises(UserError, match=r"recipe: data.augment.warp was 1.0 and is now 0.25;"):
        train(tmp_path, data=data)


def test_a_run_does_not_go_on_with_other_clips(tmp_path, monkeypatch):
    train(tmp_path, stages={"first": optim(steps=5)})
    name = "kinecast.train.pool._digest"  # of all that clips depend on, the simulator included
    monkeypatch.setattr(name, lambda *facts: "changed")
    with pytest.raises(UserError, match=r"clips that the run in .* simulator of its clips changed"):
        train(tmp_path, stages={"first": optim(steps=5)})
    assert train(tmp_path / "anew", stages={"first": optim(steps=5)}).steps == 5


def test_words_that_make_no_network_are_a_users_mistake(tmp_path):
    def divided(recipe, pool, device):
        return build(replace(recipe, model=replace(recipe.model, width=16 // 0)), pool, device)

    for words, error in ((("model.width=0",), UserError), ((), ZeroDivisionError)):
        with pytest.raises(error, match="by zero"):
            run.train(recipe(words=words), divided, tmp_path, CPU, quiet=True)


def test_a_stage_that_has_not_begun_and_how_often_to_save_may_change(tmp_path):
    train(tmp_path, stages={"first": optim()})
    stages = {"first": optim(save_every=3), "second": optim(steps=5)}
    assert train(tmp_path, stages=stages).steps == 45


def test_a_computed_stage_has_no_optimiser_that_could_change(tmp_path):
    stages = {"first": optim(), "computed": optim(steps=0)}
    train(tmp_path, stages=stages)
    train(tmp_path, stages={**stages, "computed": optim(steps=0, lr=5e-3)})
    with pytest.raises(UserError, match=r"computed.steps was 0 and is now 5"):
        train(tmp_path, stages={**stages, "computed": optim(steps=5)})


def test_a_run_may_start_from_another_ones_weights(tmp_path):
    train(tmp_path / "one")
    path = tmp_path / "one" / "second" / "system.safetensors"
    stages = {"polish": optim(steps=1, lr=0.0)}
    run.train(recipe(stages=stages), build, tmp_path / "two", CPU, init=path, quiet=True)
    trained = system(tmp_path / "two" / "polish" / "system.safetensors")
    assert torch.equal(trained["0.weight"], system(path)["0.weight"])


def test_the_seed_decides_the_weights_and_the_global_generator_is_left_alone(tmp_path):
    before = torch.random.get_rng_state()
    train(tmp_path / "a", stages={"first": optim(steps=1)})
    train(tmp_path / "b", stages={"first": optim(steps=1)})
    train(tmp_path / "c", stages={"first": optim(steps=1)}, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    a, b, c = (
        system(tmp_path / n / "first" / "system.safetensors")["0.weight"] for n in ("a", "b", "c")
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_an_unwritable_folder_is_a_users_mistake(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        train(tmp_path / "file" / "run")
