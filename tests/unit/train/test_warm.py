import json
from dataclasses import replace

import pytest
import torch
from regression_plan import Regressor, batch_of, build, optim, recipe

from kinecast.core.errors import UserError
from kinecast.io.checkpoint import save_checkpoint
from kinecast.train import checkpoint, run, warm
from kinecast.train.card import card
from kinecast.train.image_card import image_card
from kinecast.train.pool import WorldPool
from kinecast.train.prepare_latents import prepare_latents
from kinecast.train.recipe import with_words
from kinecast.train.recipes import build as build_recipe
from kinecast.train.recipes import recipe_of

CPU = torch.device("cpu")
SMALL = (
    "data.clips=24", "data.chunk=24", "data.reuse=1", "data.validation=4", "steps=1", "batch=4",
)  # fmt: skip


@pytest.fixture
def straight_motions(monkeypatch):
    monkeypatch.setattr(WorldPool, "batch", lambda self, step, batch, *keys: batch_of(step, batch))


def polished(out, init, **changes):
    """One step at a rate of 0: the weights it started from."""
    stages = {"polish": optim(steps=1, lr=0.0)}
    run.train(recipe(stages=stages, **changes), build, out, CPU, init=init, quiet=True)
    return checkpoint.load(out / "polish" / "system.safetensors")[0]


@pytest.mark.usefixtures("straight_motions")
def test_a_run_folder_and_a_checkpoint_folder_are_starts_too(tmp_path):
    first = run.train(recipe(), build, tmp_path / "one", CPU, quiet=True)
    trained = checkpoint.load(tmp_path / "one" / "second" / "system.safetensors")[0]
    save_checkpoint(tmp_path / "model", {"format": 1}, trained, "card")
    for start in (tmp_path / "one", tmp_path / "model"):
        taken = polished(tmp_path / f"from-{start.name}", start)
        assert torch.equal(taken["0.weight"], trained["0.weight"])
    assert "init" not in first.paths


@pytest.mark.usefixtures("straight_motions")
def test_of_another_size_what_fits_is_taken_and_the_rest_named(tmp_path, capsys):
    run.train(recipe(), build, tmp_path / "one", CPU, quiet=True)
    trained = checkpoint.load(tmp_path / "one" / "second" / "system.safetensors")[0]
    wide = recipe(stages={"polish": optim(steps=1, lr=0.0)}, model=Regressor(width=24))
    result = run.train(wide, build, tmp_path / "two", CPU, init=tmp_path / "one")
    taken = checkpoint.load(tmp_path / "two" / "polish" / "system.safetensors")[0]
    assert torch.equal(taken["2.bias"], trained["2.bias"])
    assert taken["0.weight"].shape == (24, 6)
    report = json.loads((tmp_path / "two" / "init.json").read_text())
    assert report["taken"] == ["2.bias", "finished"]
    assert report["misshapen"] == ["0.bias", "0.weight", "2.weight"]
    assert result.paths["init"].endswith("init.json")
    assert "2 tensors taken from" in capsys.readouterr().err


@pytest.mark.usefixtures("straight_motions")
def test_a_run_goes_on_from_the_weights_that_it_began_from_alone(tmp_path):
    for name, seed in (("one", 0), ("two", 1)):
        run.train(recipe(seed=seed), build, tmp_path / name, CPU, quiet=True)
    done = polished(tmp_path / "run", tmp_path / "one")
    for other in (tmp_path / "two", None):
        with pytest.raises(UserError, match=r"another recipe: --init was '[0-9a-f]{12}' and is"):
            polished(tmp_path / "run", other)
    again = polished(tmp_path / "run", tmp_path / "one" / "second" / "system.safetensors")
    assert all(torch.equal(done[name], again[name]) for name in done)


def test_a_card_says_what_the_weights_began_from_and_under_which_licence(tmp_path):
    ours = with_words(recipe_of("trajloom", "tiny"), ["data.motion=/at/home/motion", "lr=1e-3"])
    text = card(ours)
    assert "license: apache-2.0" in text
    assert "kinecast train trajloom size=tiny data.motion=motion lr=1e-3`, seed 0" in text
    published = {"format": 1}, {"x": torch.zeros(2)}, "---\nlicense: not stated\n---\n"
    save_checkpoint(tmp_path / "published", *published)
    tuned = card(warm.began_from(ours, "init", tmp_path / "published"))
    assert "license: other" in tuned
    assert "Licence: that of the weights it began from" in tuned
    assert "Began from `published` (--init, sha256 " in tuned
    assert "lr=1e-3 --init published`" in tuned
    image = image_card(recipe_of("zipmo-vae", "tiny"), "", "")
    assert "Licence: Apache-2.0, weights and code" in image
    assert "kinecast train zipmo-vae size=tiny`, seed 0" in image


@pytest.mark.usefixtures("straight_motions")
def test_weights_of_something_else_are_refused(tmp_path):
    checkpoint.save(tmp_path / "other.safetensors", {"x": torch.zeros(1)})
    with pytest.raises(UserError, match="weights that fit the recipe's network, got none"):
        polished(tmp_path / "run", tmp_path / "other.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"expected a checkpoint folder .*got .*empty"):
        warm.tensors_of(tmp_path / "empty")


def test_a_recipe_says_whether_it_needs_a_vae():
    assert warm.trains_vae_first(recipe_of("trajloom-flow", "tiny"))
    given = warm.with_trained_vae(recipe_of("trajloom-flow", "tiny"))
    assert given.stages["vae"].steps == 0
    assert not warm.trains_vae_first(given)
    for name, what in (("trajloom-vae", "nothing but a VAE"), ("trajloom-small", "has no VAE")):
        assert not warm.trains_vae_first(recipe_of(name, "tiny"))
        with pytest.raises(UserError, match=what):
            warm.with_trained_vae(recipe_of(name, "tiny"))


def test_a_vae_that_saw_other_things_is_refused(tmp_path):
    """Its shapes would fit."""
    words = [*SMALL, "model.offsets=false"]
    run.train(with_words(recipe_of("trajloom-vae", "tiny"), words), build_recipe, tmp_path / "vae",
              CPU, quiet=True)  # fmt: skip
    flow = with_words(recipe_of("trajloom-flow", "tiny"), SMALL)
    stage = tmp_path / "vae" / "vae" / "system.safetensors"
    for path in (tmp_path / "vae", tmp_path / "vae" / "model", stage):
        with pytest.raises(UserError, match=r"model.offsets=true, got .* false in .*offsets=false"):
            warm.check_vae(flow, path)
        warm.check_vae(with_words(flow, ["model.offsets=false"]), path)
    with pytest.raises(UserError, match=r"model\.offsets=true"):
        run.train(flow, build_recipe, tmp_path / "flow", CPU, quiet=True, vae=tmp_path / "vae")
    assert not (tmp_path / "flow").exists()

    shown = recipe_of("whn-latent", "tiny")
    config = {"format": 1, "model": {"layout": {"encoder": "pixels", "encoder_size": [64, 48]}}}
    save_checkpoint(tmp_path / "whn", config, {"x": torch.zeros(1)}, "card")
    with pytest.raises(UserError, match=r"give the recipe data.encoder_size=64,48"):
        warm.check_vae(shown, tmp_path / "whn")
    warm.check_vae(with_words(shown, ["data.encoder_size=64,48"]), tmp_path / "whn")


def test_what_is_trained_after_a_vae_is_nothing_to_who_takes_it(tmp_path):
    def of(stage, vae, flow):
        path = tmp_path / stage / "system.safetensors"
        path.parent.mkdir()
        checkpoint.save(path, {"vae.x": torch.full((1,), vae), "flow.x": torch.full((1,), flow)})

    run.write_json(tmp_path / "recipe.json", {})
    of("vae", vae=1.0, flow=0.0)
    flow = recipe_of("trajloom-flow", "tiny")
    before = warm.began_from(flow, "vae", tmp_path)
    of("flow", vae=1.0, flow=2.0)
    assert warm.began_from(flow, "vae", tmp_path) == before
    assert warm.began_from(flow, "init", tmp_path) != before


def test_latents_prepared_are_those_a_run_makes(tmp_path):
    """A VAE, its latents, and a flow on them that encodes nothing again."""
    vae = with_words(recipe_of("trajloom-vae", "tiny"), SMALL)
    run.train(vae, build_recipe, tmp_path / "vae", CPU, quiet=True)

    flow = with_words(recipe_of("trajloom-flow", "tiny"), SMALL)
    prepared = prepare_latents(flow, build_recipe, tmp_path / "vae", tmp_path / "cache", CPU)
    assert prepared.files == 1
    assert len(prepared.statistics["latent_mean"]) == 4
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")}

    cached = replace(flow, data=replace(flow.data, cache=str(tmp_path / "cache")))
    given = tmp_path / "vae" / "vae" / "system.safetensors"
    run.train(cached, build_recipe, tmp_path / "cached", CPU, quiet=True, vae=given)
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.safetensors")
    }
    run.train(flow, build_recipe, tmp_path / "alone", CPU, quiet=True, vae=given)
    one, other = (
        checkpoint.load(tmp_path / name / "flow" / "system.safetensors")[0]
        for name in ("cached", "alone")
    )
    for name in one:
        assert torch.equal(one[name], other[name]), name
    assert torch.equal(one["latent_mean"], torch.tensor(prepared.statistics["latent_mean"]))
    trained = warm.tensors_of(given)
    assert all(torch.equal(one[name], trained[name]) for name in one if name.startswith("vae."))

    assert sorted(path.name for path in (tmp_path / "alone" / "flow" / "pictures").iterdir()) == [
        "error_over_horizon.png",
        "forecast.png",
        "latents.png",
    ]
    wide = with_words(flow, ["model.vae.width=64"])
    with pytest.raises(UserError, match="is not the one this recipe needs"):
        run.train(wide, build_recipe, tmp_path / "wide", CPU, quiet=True, vae=given)
    checkpoint.save(tmp_path / "x.safetensors", {"x": torch.zeros(1)})
    with pytest.raises(UserError, match=r"weights of a VAE in .*got none named vae"):
        warm.load_vae(
            torch.nn.ModuleDict({"vae": torch.nn.Linear(1, 1)}), tmp_path / "x.safetensors"
        )
