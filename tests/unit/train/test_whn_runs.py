"""WHN through `kinecast train`, and what it leaves through `kinecast forecast`."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import numpy as np
import pytest

from kinecast.cli.main import main
from kinecast.io.image import write_image
from kinecast.train import log

TEXT = """
size=tiny model.width=32 model.depth=2 model.vae_width=32 model.channels=4 model.samples=2
model.point_width=8 data.frames=4 data.clips=16 data.chunk=16 data.validation=4 batch=8 lr=1e-2
warmup=5 ema=0.9 validate_every=1000
"""
WORDS = TEXT.split()


def train(name, *words):
    printed, said = StringIO(), StringIO()
    with redirect_stdout(printed), redirect_stderr(said):
        assert main(["train", name, *WORDS, *words, "--json"]) == 0
    return json.loads(printed.getvalue()), said.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("whn")


@pytest.fixture(scope="module")
def latent(folder):
    words = ("steps=40", f"data.cache={folder / 'clips'}")
    return train("whn-latent", *words, "--out", str(folder / "latent"))


@pytest.fixture(scope="module")
def image(folder):
    path = folder / "image.png"
    write_image(path, np.random.default_rng(0).integers(0, 255, (60, 96, 3), dtype=np.uint8))
    return path


def losses(out, stage):
    rows = log.read(out / stage / "log.jsonl")
    return [row["loss"] for row in rows if "loss" in row]


def test_a_latent_recipe_trains_its_vae_first_and_says_so(latent):
    report, said = latent
    assert "no --vae: whn-latent trains its own first" in said
    assert report["steps"] == 80
    for name, fraction in (("vae", 0.3), ("flow", 0.9)):
        stage = report["stages"][name]
        assert stage["loss_last"] < fraction * stage["loss_first"], name
    assert {"model", "one sample", "predict the mean", "stay"} < set(report["validation"])


def test_the_checkpoint_forecasts_an_image(latent, image, folder):
    report, _ = latent
    model = report["paths"]["model"]
    out = folder / "forecast"
    with redirect_stdout(StringIO()):
        assert (
            main(["forecast", str(image), "--model", model, "--samples", "2", "--out", str(out)])
            == 0
        )
    assert list(out.iterdir())


def test_the_same_seed_gives_the_same_losses_to_the_bit(latent, folder):
    words = ("steps=40", "flow.steps=3", f"data.cache={folder / 'clips'}")
    again, _ = train("whn-latent", *words, "--out", str(folder / "again"))
    assert losses(folder / "again", "vae") == losses(folder / "latent", "vae")
    assert again["stages"]["vae"]["validation"] == latent[0]["stages"]["vae"]["validation"]
    # the flow of other steps has another learning rate, but its first loss
    assert losses(folder / "again", "flow")[0] == losses(folder / "latent", "flow")[0]


def test_a_trained_vae_is_taken_as_it_is(folder):
    clips = f"data.cache={folder / 'clips'}"
    vae, _ = train("whn-vae", "steps=10", clips, "--out", str(folder / "vae"))
    assert vae["validation"]["model"] > 0
    for source in (vae["paths"]["run"], vae["paths"]["model"]):
        words = ("flow.steps=2", clips, "--vae", source)
        report, said = train("whn-latent", *words, "--out", str(folder / f"on{len(source)}"))
        assert "trains its own first" not in said
        assert list(report["stages"]) == ["flow"]
