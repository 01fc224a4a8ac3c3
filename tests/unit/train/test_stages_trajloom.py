"""The published networks at size=tiny, all four stages, through the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import kinecast.train.latents as latents
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.forecast.load import load
from kinecast.systems.trajloom.paper import PaperConfig, PaperTrajLoom
from kinecast.train import log
from kinecast.train.latents import weights_hash
from kinecast.train.paper_latents import latent_cache
from kinecast.train.paper_vae import VAEStage
from kinecast.train.pool import WorldPool
from kinecast.train.recipe import with_words
from kinecast.train.recipes import RECIPES, recipe_of
from kinecast.train.stages_trajloom import SIZES

TEXT = """
batch=8 steps=30 warmup=5 ema=0.9 vae.steps=90 vae.lr=4e-3 flow.lr=4e-3 onpolicy.steps=3
validate_every=1000 data.clips=32 data.chunk=32 data.validation=4 visibility.lr=1e-2
"""
WORDS = TEXT.split()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from contextlib import redirect_stdout
    from io import StringIO

    from kinecast.cli.main import main

    out = tmp_path_factory.mktemp("run")
    printed = StringIO()
    with redirect_stdout(printed):
        assert main(["train", "trajloom", "size=tiny", *WORDS, "--out", str(out), "--json"]) == 0
    return out, json.loads(printed.getvalue())


def test_every_stage_lowers_its_loss(run):
    _, report = run
    assert report["recipe"] == "trajloom"
    assert report["steps"] == 90 + 30 + 3 + 30
    for name, fraction in (("vae", 0.6), ("flow", 0.9), ("visibility", 0.7)):
        stage = report["stages"][name]
        assert stage["loss_last"] < fraction * stage["loss_first"], name


def test_validations_show_the_baselines_beside_the_model(run):
    _, report = run
    vae, flow = report["stages"]["vae"]["validation"], report["stages"]["flow"]["validation"]
    assert vae["model"] < 0.9 * vae["cell centre"]
    assert {"model", "best of 4", "one sample", "constant_position"} < set(flow)
    assert flow["best of 4"] <= flow["one sample"]
    assert flow["step"] > 0  # training made it better than its start
    visibility = report["stages"]["visibility"]["validation"]
    assert visibility["model"] < 1.1 * visibility["predict the mean"]


def test_the_rollout_is_logged(run):
    out, _ = run
    rows = [row for row in log.read(out / "onpolicy" / "log.jsonl") if "loss" in row]
    for row in rows:
        parts = row["matching"] + 0.1 * row["endpoint"] + 0.01 * row["consistency"]
        assert row["loss"] == pytest.approx(parts, rel=1e-4)


def test_the_exported_checkpoint_forecasts(run):
    out, report = run
    model = load(report["paths"]["model"], "cpu")
    grid = Grid.over((96, 64), 16.0)
    points = grid.points().reshape(1, -1, 2)
    xy = np.repeat(points, 17, axis=0)
    history = Tracks(xy, np.ones(xy.shape[:2], bool), (96, 64), grid=grid)
    forecast = model.forecast(history, k=2, steps=2)
    assert forecast[0].xy.shape == (17, 24, 2)
    assert "# trajloom (tiny)" in (out / "model" / "README.md").read_text()


def test_latents_are_normalised_and_cached(run):
    out, _ = run
    recipe = with_words(recipe_of("trajloom", "tiny"), WORDS)
    system = PaperTrajLoom(recipe.model)
    tensors, _ = latents.checkpoint.load(out / "visibility" / "system.safetensors")
    system.load_state_dict(tensors)
    with WorldPool(recipe.data, recipe.seed, out / "clips") as pool:
        cache = latent_cache(system, pool, torch.device("cpu"))
        one = cache.batch(3, 8, 7)
        files = sorted((out / "clips" / "latents").rglob("*.safetensors"))
        again = latent_cache(system, pool, torch.device("cpu")).batch(3, 8, 7)

        def never(*clips):
            raise AssertionError("expected the file of the training run")

        reading = latent_cache(system, pool, torch.device("cpu"))
        reading._encode = never
        cached = reading.batch(3, 8, 7)
        every = [cache.batch(step, 8, 7).future for step in range(4)]
    assert files  # written by the run itself
    assert torch.equal(one.future, again.future)
    assert torch.equal(one.future, cached.future)
    z = torch.cat(every)
    assert z.mean().abs() < 0.5
    assert 0.6 < z.std() < 1.6


def test_another_augmentation_and_another_scale_have_another_cache(tmp_path):
    recipe = with_words(recipe_of("trajloom", "tiny"), WORDS)
    other = with_words(recipe, ["data.augment.jitter=5"])
    system, folders = PaperTrajLoom(recipe.model), []
    for data in (recipe.data, other.data):
        with WorldPool(data, recipe.seed, tmp_path) as pool:
            folders.append(latent_cache(system, pool, torch.device("cpu")).folder)
    system.latent_std.mul_(2)
    with WorldPool(recipe.data, recipe.seed, tmp_path) as pool:
        folders.append(latent_cache(system, pool, torch.device("cpu")).folder)
    assert len(set(folders)) == 3


def test_other_weights_have_another_cache():
    one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    other.load_state_dict({k: v + 1 for k, v in one.state_dict().items()})
    assert weights_hash(one.state_dict()) != weights_hash(other.state_dict())


def test_hidden_points_do_not_move_the_vae(tmp_path):
    words = ["data.clips=32", "data.chunk=32", "data.validation=4"]
    recipe = with_words(recipe_of("trajloom-vae", "tiny"), words)
    with WorldPool(recipe.data, recipe.seed, tmp_path) as pool:
        system = PaperTrajLoom(recipe.model)
        stage = VAEStage(system, pool, recipe.stages["vae"], torch.device("cpu"))
        batch = pool.batch(0, 4)
    far = torch.where(batch.visible[..., None], batch.xy, batch.xy + 1e7)
    losses = [
        stage.loss(replace(batch, xy=xy), torch.Generator().manual_seed(0))[0]
        for xy in (far, far + torch.where(batch.visible[..., None], 0.0, 1e7))
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_its_sizes_and_chunks_that_hold_a_batch(name):
    ours = name == "trajloom-small" or name.startswith("regression")
    sizes = ("tiny", "small", "base") + (() if ours else ("paper",))
    for size in sizes:
        recipe = recipe_of(name, size)
        data = recipe.data
        held = data.chunk // len(getattr(data, "sizes", ("one",)))
        assert held >= max(optim.batch for optim in recipe.stages.values() if optim.steps)
        assert data.clips >= data.chunk
        assert (recipe.name, recipe.size) == (name, size)
        assert json.loads(json.dumps(recipe.to_json()))["name"] == name


def test_the_paper_size_is_the_papers():
    recipe = recipe_of("trajloom", "paper")
    rates = {name: (o.steps, o.batch, o.lr) for name, o in recipe.stages.items()}
    assert rates["vae"] == (30_000, 16, 2e-5)
    assert rates["flow"] == (100_000, 128, 6e-5)
    assert rates["onpolicy"][2] == 1e-5
    tuned = [recipe_of("trajloom", size).stages["onpolicy"] for size in SIZES]
    assert {optim.select for optim in tuned} == {"last"}  # validation ranks by the mean
    assert (recipe.stages["visibility"].lr, recipe.stages["visibility"].weight_decay) == (
        3e-4,
        0.01,
    )
    assert recipe.model.vae.width == 512
    assert recipe.model.generator.width == 768


def test_networks_that_do_not_fit_each_other_are_refused():
    config = recipe_of("trajloom", "tiny").model
    with pytest.raises(UserError, match=r"expected a generator and a visibility predictor for"):
        PaperConfig(replace(config.vae, latent_channels=6), config.generator, config.visibility)


def test_unknown_names_and_sizes_name_the_nearest():
    with pytest.raises(UserError, match=r"no recipe 'trajloom-vea'; did you mean trajloom-vae\?"):
        recipe_of("trajloom-vea")
    with pytest.raises(UserError, match=r"no size 'huge'; use size=tiny or size=small"):
        recipe_of("trajloom-vae", "huge")
