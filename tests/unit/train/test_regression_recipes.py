"""The regression recipes, through `kinecast train`, `load` and `forecast`."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
import torch

from kinecast.cli.main import main
from kinecast.core import rng
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.synth import generate
from kinecast.forecast.load import load
from kinecast.io.image import write_image
from kinecast.train import log, stages_small, stages_whn
from kinecast.train.images import ImageClips
from kinecast.train.pool import WorldPool
from kinecast.train.recipes import recipe_of
from kinecast.train.stages_regression import build

CPU = torch.device("cpu")
HISTORY_TEXT = """
size=tiny model.frames=12 model.width=16 model.depth=1 data.history=12 data.horizon=12
data.sizes=96x64 data.stride=16 data.clips=32 data.chunk=32 data.validation=4 batch=16 lr=3e-2
warmup=5 ema=0.9 validate_every=1000 bf16=false
"""
IMAGE_TEXT = """
size=tiny model.width=16 data.size=48x32 data.encoder_size=48x32 data.points=12 data.frames=4
data.clips=16 data.chunk=16 data.validation=4 batch=8 lr=1e-2 warmup=5 ema=0.9 validate_every=1000
"""
HISTORY, IMAGE = HISTORY_TEXT.split(), IMAGE_TEXT.split()


def train(name, out, words):
    printed = StringIO()
    with redirect_stdout(printed):
        assert main(["train", name, *words, "--out", str(out), "--device", "cpu", "--json"]) == 0
    return json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("regression")


@pytest.fixture(scope="module")
def history(folder):
    return train("regression-history", folder / "history", [*HISTORY, "steps=40"])


@pytest.fixture(scope="module")
def image(folder):
    return train("regression-image", folder / "image", [*IMAGE, "steps=60"])


def test_a_history_recipe_lowers_its_loss_and_shows_the_baselines(history, folder):
    assert history["loss_last"] < history["loss_first"]
    scores = history["validation"]
    assert {"model", "moving", "constant_position", "damped_4_0.9"} < set(scores)
    assert "one sample" not in scores
    rows = log.read(folder / "history" / "regression" / "log.jsonl")
    first = next(row["validation"] for row in rows if "validation" in row)
    assert first["model"] == pytest.approx(first["constant_position"], rel=1e-4)  # it stays


def test_an_image_recipe_lowers_its_loss_and_shows_what_needs_no_image(image):
    assert image["loss_last"] < 0.9 * image["loss_first"]
    assert {"model", "predict the mean", "stay"} < set(image["validation"])


def test_a_history_model_forecasts_any_grid_and_all_samples_are_one(history):
    model = load(history["paths"]["model"], "cpu")
    clip = generate("mix", seed=5, n=1, frames=20, size=(80, 64), grid=Grid.over((80, 64), 20.0))
    past, _ = clip.clip(0).tracks.split(9)
    forecast = model.forecast(past, k=3, horizon=30)  # beyond the window
    assert len(forecast[0]) == 30
    assert np.array_equal(forecast[0].xy, forecast[2].xy)
    assert forecast[0].source["visibility"] == "forecast"
    other = model.forecast(past, k=1, horizon=30, seed=7, steps=3, solver="dopri5")
    np.testing.assert_allclose(other[0].xy, forecast[0].xy, atol=1e-2)


def test_an_image_model_forecasts_any_points(image, folder):
    model = load(image["paths"]["model"], "cpu")
    picture = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    points = np.array([[3.0, 4.0], [60.5, 41.0]], np.float32)
    two = model.forecast(image=picture, points=points, k=2)
    grid = model.forecast(image=picture, k=1)
    assert two[0].xy.shape == (3, 2, 2)
    assert np.array_equal(two[0].xy, two[1].xy)
    assert grid[0].count == Grid.over((70, 50)).count
    alone = model.forecast(image=picture, points=points[1:], k=1)
    np.testing.assert_allclose(alone[0].xy[:, 0], two[0].xy[:, 1], atol=1e-3)
    out = folder / "forecast"
    save = folder / "picture.png"
    write_image(save, picture)
    with redirect_stdout(StringIO()):
        words = ["--model", image["paths"]["model"], "--samples", "1", "--out", str(out)]
        assert main(["forecast", str(save), *words]) == 0


def test_a_text_recipe_asks_for_a_text(folder):
    report = train("regression-text", folder / "text", [*IMAGE, "steps=2"])
    model = load(report["paths"]["model"], "cpu")
    picture = np.zeros((32, 48, 3), np.uint8)
    assert len(model.forecast(image=picture, text="the thing goes down", k=1)[0]) == 3
    with pytest.raises(UserError, match="forecasts from an image and a text, got an image"):
        model.forecast(image=picture, k=1)


def test_the_cards_speak_of_one_future(history, image):
    for report, words in ((history, "12 frames out, one future."), (image, "One future of any")):
        with open(f"{report['paths']['model']}/README.md") as file:
            text = file.read()
        assert words in text
        assert "something between them" in text
        assert "several samples" not in text


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_a_regression_is_trained_as_long_as_what_it_stands_beside(size):
    ours, theirs = recipe_of("regression-history", size), stages_small.recipe(size)
    clips = sum(o.steps * o.batch for o in theirs.stages.values())
    mine = ours.stages["regression"]
    assert clips - mine.batch < mine.steps * mine.batch <= clips
    assert ours.data == theirs.data
    for name, other in (("regression-image", stages_whn.raw), ("regression-text", stages_whn.text)):
        ours, theirs = recipe_of(name, size), other(size)
        flow, mine = theirs.stages["flow"], ours.stages["regression"]
        assert (mine.steps, mine.batch) == (flow.steps, flow.batch)
        assert replace(ours.data, points=0) == theirs.data


def overfit(stage, batch, steps, rate):
    optimiser = torch.optim.AdamW(stage.module.parameters(), lr=rate, weight_decay=0.0)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 20)
    losses = []
    for _ in range(steps):
        loss, parts = stage.loss(batch, rng.generator(3))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        decay.step()
        losses.append(parts["motion"])
    return losses[0], losses[-1]


@pytest.fixture(scope="module")
def stage_of(tmp_path_factory):
    home = tmp_path_factory.mktemp("clips")

    def make(name):
        recipe = recipe_of(name, "tiny")
        if name == "regression-history":
            data = replace(
                recipe.data, history=8, horizon=8, sizes=((96, 64),), stride=16.0, clips=16,
                chunk=16, validation=2,
            )  # fmt: skip
            recipe = replace(recipe, data=data, model=replace(recipe.model, frames=8))
            pool = WorldPool(data, 0, home)
        else:
            data = replace(
                recipe.data, size=(48, 32), encoder_size=(48, 32), points=12, clips=16, chunk=16,
                validation=3,
            )  # fmt: skip
            recipe = replace(recipe, data=data)
            pool = ImageClips(data, 0, home, CPU)
        with pool:
            batch = pool.batch(0, 4)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return build(recipe, pool, CPU).stage("regression"), batch

    return make


@pytest.mark.parametrize(
    ("name", "steps", "left"),
    [("regression-history", 60, 0.5), ("regression-image", 60, 0.5)],
)
def test_one_batch_is_learnt_by_heart(stage_of, name, steps, left):
    stage, batch = stage_of(name)
    first, last = overfit(stage, batch.rows(slice(2)), steps, 2e-2)
    assert last < left * first


def test_hidden_futures_do_not_count(stage_of):
    stage, batch = stage_of("regression-image")
    far = replace(batch, xy=torch.where(batch.visible[..., None], batch.xy, batch.xy + 500))
    assert (~batch.visible[:, :, 1:]).any()
    losses = [stage.loss(b, rng.generator(3))[1]["motion"] for b in (batch, far)]
    assert losses[0] == losses[1]


def test_a_validation_is_in_pixels(stage_of, monkeypatch):
    stage, _ = stage_of("regression-image")

    def shifted(start, cond):
        offsets = torch.tensor([2 * 3 / 48, 2 * 4 / 32]).expand(len(start), start.shape[1], 3, 2)
        return offsets, torch.zeros(len(start), start.shape[1], 3)

    still = [replace(i, xy=i.xy[:, :, :1].expand_as(i.xy)) for i in stage._held_out]
    monkeypatch.setattr(stage, "_held_out", still)
    monkeypatch.setattr(stage._system, "answer", shifted)
    stage._mean = torch.zeros(3, 2)
    with torch.no_grad():
        scores = stage.validate()
    assert scores["model"] == pytest.approx(5, abs=1e-3)  # 3 and 4 pixels
    assert scores["stay"] == 0
