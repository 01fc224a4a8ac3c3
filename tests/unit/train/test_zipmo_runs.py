"""ZipMo's recipes at size=tiny through the command line, a few steps each, and what they export."""

import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
import torch

from kinecast.cli.main import main
from kinecast.core import rng
from kinecast.forecast.load import load
from kinecast.io.image import write_image
from kinecast.systems.base import FieldBatch, ImageBatch
from kinecast.systems.zipmo.rollout import Rollout
from kinecast.train import checkpoint
from kinecast.train.recipe import with_words
from kinecast.train.recipes import recipe_of

FEW = [
    "steps=3", "batch=2", "data.clips=8", "data.chunk=8", "data.validation=3", "validate_every=3",
]  # fmt: skip
PAIR = ["agent.png", "hand.png"]


def trained(name, out, *words):
    printed = StringIO()
    with redirect_stdout(printed):
        assert main(["train", name, "size=tiny", *FEW, *words, "--out", str(out), "--json"]) == 0
    return json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("zipmo")
    draw = np.random.default_rng(0)
    for name in PAIR:
        write_image(out / name, draw.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    return out


@pytest.fixture(scope="module")
def sparse(folder):
    return trained("zipmo-sparse", folder / "sparse", "planner.first_batch=1", "model.samples=1")


@pytest.fixture(scope="module")
def policy(folder):
    return trained("zipmo-policy", folder / "policy", "model.steps=2", "model.samples=1")


def test_a_sparse_planner_trains_its_vae_first(sparse, folder):
    assert sparse["recipe"] == "zipmo-sparse"
    assert sparse["steps"] == 6
    assert set(sparse["stages"]) == {"vae", "planner"}
    assert {"model", "predict the mean", "stay", "nearest poke, linear"} < set(sparse["validation"])
    config = json.loads((folder / "sparse" / "model" / "config.json").read_text())
    tensors, _ = checkpoint.load(folder / "sparse" / "vae" / "system.safetensors")
    assert [config["model"]["shift"], config["model"]["scale"]] == tensors["moments"].tolist()
    assert "# zipmo-sparse (tiny)" in (folder / "sparse" / "model" / "README.md").read_text()


@pytest.mark.slow
def test_minutes_of_training_beat_the_mean_by_far(tmp_path, capsys):
    steps = ["vae.steps=500", "planner.steps=400"]
    assert (
        main(["train", "zipmo-sparse", "size=tiny", *steps, "--out", str(tmp_path), "--json"]) == 0
    )
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert set(stages) == {"vae", "planner"}
    for stage in stages.values():
        assert stage["loss_last"] < stage["loss_first"] / 2
        assert stage["validation"]["model"] < stage["validation"]["predict the mean"] / 2


def test_its_checkpoint_forecasts_from_an_image_and_pokes(sparse, folder, capsys):
    out = folder / "forecast"
    model = sparse["paths"]["model"]
    words = [str(folder / PAIR[0]), "--model", model, "--samples", "2", "--out", str(out)]
    pokes = ["--poke", "10,12:30,20", "--poke", "40,30:20,30@0.5"]
    assert main(["forecast", *words, *pokes, "--guidance", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["paths"]) == 3
    assert (out / "forecast.npz").is_file()


def test_a_dense_planner_takes_a_trained_vae(sparse, folder):
    report = trained("zipmo-dense", folder / "dense", "--vae", str(folder / "sparse" / "model"))
    assert set(report["stages"]) == {"planner"}
    ours, _ = checkpoint.load(folder / "dense" / "planner" / "system.safetensors")
    theirs, _ = checkpoint.load(folder / "sparse" / "vae" / "system.safetensors")
    shared = [name for name in theirs if name.startswith(("vae.", "image."))]
    assert len(shared) > 100
    assert all(torch.equal(ours[name], theirs[name]) for name in shared)
    assert load(report["paths"]["model"], "cpu").system.needs.pokes == (40, 40)


def test_a_vae_alone_makes_tracks_dense(folder):
    report = trained("zipmo-vae", folder / "vae", "model.two_images=true")
    system = load(report["paths"]["model"], "cpu").system
    assert system.vae_image is None
    draw = rng.generator(0)
    frame = ImageBatch(torch.zeros(1, 1, 48, 64, 3, dtype=torch.uint8), (64, 48))
    tracks = FieldBatch(
        torch.rand(1, 6, 1, 7, 2, generator=draw),
        torch.ones(1, 6, 1, 7, dtype=torch.bool),
        (64, 48),
    )
    queries = torch.rand(3, 4, 2, generator=draw)
    assert system.densify(frame, tracks, queries).shape == (1, 6, 3, 4, 2)
    own, _ = checkpoint.load(folder / "vae" / "vae" / "system.safetensors")
    weight = dict(system.named_parameters())["image.embed.weight"]
    assert torch.equal(weight, own["vae_image.embed.weight"])
    words = ["model.two_images=true", "--vae", report["paths"]["model"]]
    trained("zipmo-sparse", folder / "two", *words)
    taken, _ = checkpoint.load(folder / "two" / "planner" / "system.safetensors")
    assert torch.equal(taken["vae_image.embed.weight"], own["vae_image.embed.weight"])


def test_a_policy_plans_and_acts(policy, folder, capsys):
    assert set(policy["stages"]) == {"vae", "planner", "policy"}
    model = policy["paths"]["model"]
    words = [str(folder / PAIR[0]), "--view", str(folder / PAIR[1]), "--model", model]
    words += ["--text", "reach for the red disc", "--episode-step", "4", "--samples", "1"]
    assert main(["forecast", *words, "--out", str(folder / "told"), "--json"]) == 0
    capsys.readouterr()
    system = load(model, "cpu").system
    seen = ImageBatch(
        torch.zeros(1, 2, 48, 64, 3, dtype=torch.uint8), (64, 48), text=torch.zeros(1, 1, 256)
    )
    rollout = Rollout(system, steps=2)
    for _ in range(2):
        action = rollout.act(seen, torch.zeros(1, 9), torch.zeros(1, 72, 8))
        assert action.shape == (1, 7)
        assert action.isfinite().all()


def test_the_paper_size_is_the_papers():
    sparse = recipe_of("zipmo-sparse", "paper")
    vae, planner = sparse.stages["vae"], sparse.stages["planner"]
    assert (vae.steps, vae.first_batch, vae.batch, vae.lr) == (800_000, 64, 256, 1e-4)
    assert (vae.schedule, vae.warmup, vae.betas) == ("wsd", 300, (0.9, 0.95))
    assert (planner.steps, planner.first_batch, planner.batch) == (700_000, 512, 2048)
    assert (planner.floor, planner.lr) == (1.0, 1e-4)
    model = sparse.model
    assert (model.vae.width, model.vae.encoder_depth, model.vae.channels) == (768, 12, 16)
    assert (model.planner.width, model.planner.depth, model.planner.pokes) == (1024, 24, 16)
    assert (model.tracks, model.frames, model.dropped, model.early) == (40, 64, 2.5, 0.0)
    dense = recipe_of("zipmo-dense", "paper").model.planner
    assert (dense.pokes, dense.fill) == (40, False)
    told = recipe_of("zipmo-policy", "paper").model
    assert told.planner.start_time
    assert (told.steps, told.policy.horizon, told.drop_text) == (10, 16, 0.1)
    assert not recipe_of("zipmo-text", "paper").model.planner.start_time


def test_options_are_words():
    recipe = with_words(
        recipe_of("zipmo-text", "tiny"), ["model.frame_noise=0.1", "model.drop_text=0.2"]
    )
    assert (recipe.model.frame_noise, recipe.model.drop_text) == (0.1, 0.2)
    late = with_words(recipe_of("zipmo-vae", "small"), ["model.unlock=5000"])
    assert late.model.unlock == 5000


def test_views_of_clips_are_those_of_the_planner(tmp_path, capsys):
    words = ["train", "zipmo-text", "size=tiny", "data.views=1", "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "expected data.views=2" in capsys.readouterr().err
