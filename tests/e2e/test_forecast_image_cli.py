"""`kinecast forecast` from one image, with small random WHN and ZipMo models."""

import json
import re

import image_models
import numpy as np
import pytest
import torch
from small_clip import SIZE, frames, write_clip

import kinecast
from kinecast.cli.main import main
from kinecast.core.cond import Frame, Pokes
from kinecast.core.grid import Grid
from kinecast.io.forecast_file import load_forecast
from kinecast.io.image import read_image, write_image

FEW = ["--samples", "2"]
POKE = ["--poke", "30,40:60,40"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A home with the encoder, an image, a clip and models, each under its name."""
    place = tmp_path_factory.mktemp("place")
    image_models.dinov2(place / "home" / "encoders" / "dinov2-small")
    for frame in frames(1):
        write_image(place / "image.png", frame)
        write_image(place / "wrist.png", frame[::-1].copy())
    write_clip(place / "clip.mp4", 9)
    image_models.whn(place / "whn")
    image_models.whn(place / "whn-text", text=image_models.WIDTH)
    image_models.zipmo(place / "zipmo")
    image_models.zipmo(place / "zipmo-dense", pokes=3, fill=False)
    image_models.zipmo_libero(place / "zipmo-libero")
    return place


@pytest.fixture(autouse=True)
def at_home(place, monkeypatch):
    monkeypatch.setenv("KINECAST_HOME", str(place / "home"))
    monkeypatch.chdir(place)


class Letters:
    """A text encoder: how often each of the first letters occurs."""

    name, width, digest = "letters", image_models.WIDTH, "0"

    def encode(self, items):
        counts = [[text.count(chr(97 + i % 26)) for i in range(self.width)] for text in items]
        return torch.tensor(counts, dtype=torch.float32)[:, None]


@pytest.fixture
def letters(monkeypatch):
    monkeypatch.setattr("kinecast.forecast.encoders.text_encoder", lambda *_: Letters())


def forecast(capsys, *words):
    status = main(["forecast", *words, "--json"])
    streams = capsys.readouterr()
    assert status == 0, streams.err
    return json.loads(streams.out), streams.err


def refused(capsys, out, *words):
    assert main(["forecast", *words, "--out", str(out)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert not out.exists()
    return line


def test_an_image_and_a_poke_are_forecast(tmp_path, capsys):
    words = ("image.png", "--model", "zipmo", *POKE, "--poke", "90,20:90,30@0.5", *FEW)
    report, said = forecast(capsys, *words, "--out", str(tmp_path))
    names = ["forecast.npz", "forecast.mp4", "forecast.png"]
    assert report["paths"] == [str(tmp_path / name) for name in names]
    assert set(report["seconds"]) == {"open", "track", "forecast", "score", "render", "write"}
    assert report["scores"] is None
    assert "visible is inside the frame" in said

    file = load_forecast(report["paths"][0])
    grid = Grid.over(SIZE)
    assert (file[0].size, file[0].grid, file.history.grid) == (SIZE, grid, grid)
    assert np.stack([f.xy for f in file]).shape == (2, 7, grid.count, 2)  # after the image's own
    assert np.array_equal(file.history.xy[0], grid.points().reshape(-1, 2))
    provenance = file.provenance
    assert provenance["pokes"] == [[30, 40, 60, 40, 1], [90, 20, 90, 30, 0.5]]
    assert (provenance["system"], provenance["at"], provenance["steps"]) == ("zipmo", 1, 50)
    film = kinecast.open_video(report["paths"][1])
    assert len(film) >= 8
    assert read_image(report["paths"][2]).std() > 10


def test_the_command_and_the_library_agree_bit_by_bit(tmp_path, capsys):
    words = ("image.png", "--model", "zipmo", *POKE, *FEW, "--stride", "32", "--seed", "3")
    report, _ = forecast(capsys, *words, "--guidance", "2", "--out", str(tmp_path))
    file = load_forecast(report["paths"][0])
    assert file.provenance["guidance"] == 2
    again = kinecast.load("zipmo").forecast(
        image=Frame(read_image("image.png")),
        pokes=Pokes.of((30, 40, 60, 40)),
        points=Grid.over(SIZE, 32.0),
        guidance=2.0,
        k=2,
        seed=3,
    )
    for mine, theirs in zip(file, again, strict=True):
        assert np.array_equal(mine.xy, theirs.xy)
    unguided = kinecast.load("zipmo").forecast(
        image=read_image("image.png"), pokes=Pokes.of((30, 40, 60, 40)), points=again[0].grid, k=2
    )
    assert np.abs(unguided[0].xy - again[0].xy).max() > 1e-3


def test_a_model_with_its_own_points_sees_through_its_encoder(place, tmp_path, capsys):
    report, _ = forecast(capsys, "image.png", "--model", "whn", *FEW, "--out", str(tmp_path))
    file = load_forecast(report["paths"][0])
    assert np.stack([f.xy for f in file]).shape == (2, 5, 48, 2)
    start = file.history.xy[0].reshape(6, 8, 2)  # a grid of 64x48, over 128x80
    np.testing.assert_allclose(start[0, 0], [1, 0.5 * 80 / 48], atol=1e-5)
    np.testing.assert_allclose(start[1, 1] - start[0, 0], [16, 8 * 80 / 48], atol=1e-4)
    assert file.history.grid is None
    assert file.provenance["steps"] == 9
    kept = list((place / "home" / "cache" / "features").rglob("*.safetensors"))
    forecast(capsys, "image.png", "--model", "whn", *FEW, "--out", str(tmp_path))
    assert list((place / "home" / "cache" / "features").rglob("*.safetensors")) == kept != []


def test_an_encoder_may_be_named(tmp_path, capsys, monkeypatch, place):
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "empty"))
    words = ("image.png", "--model", "whn", *FEW)
    line = refused(capsys, tmp_path / "no", *words)
    assert re.search(r"facebook/dinov2-small.*put its folder in .*encoders.dinov2-small", line)
    named = ("--image-encoder", str(place / "home" / "encoders" / "dinov2-small"))
    forecast(capsys, *words, *named, "--out", str(tmp_path / "out"))
    line = refused(capsys, tmp_path / "no", *words, "--image-encoder", str(tmp_path))
    assert "expected a folder with config.json" in line


@pytest.mark.parametrize("model", ["whn", "zipmo"])
def test_a_video_gives_the_image_and_the_truth(model, tmp_path, capsys):
    words = ("clip.mp4", "--model", model, "--out", str(tmp_path), *FEW)
    report, said = forecast(capsys, *words, "--at", "4", "--score")
    file = load_forecast(report["paths"][0])
    assert file.provenance["at"] == 4
    assert file.history.fps == 24
    window = len(file[0])
    assert ("5 of 7 forecast frames are scored" in said) == (window == 7)
    scores = report["scores"]
    assert scores["model"]["best_ade"] <= scores["model"]["sample_ade"]
    assert scores["opponent"] == "constant_position"  # one frame shows no motion
    (rest,) = scores["baselines"].values()
    assert rest["moving"]["ade"] > 1  # the square has moved on
    film = kinecast.open_video(report["paths"][1])
    assert film.size[0] > 2 * 416 or film.size[1] > 2 * 250  # beside what happened

    report, said = forecast(capsys, *words)
    assert load_forecast(report["paths"][0]).provenance["at"] == 1
    assert "the first frame of clip.mp4; --at N starts from frame N - 1" in said


def test_the_truth_of_an_own_grid_is_followed_from_its_points(tmp_path, capsys):
    """A still clip: whatever the shape of the model's frame, its points stay where they start."""
    image = next(frames(1))
    (tmp_path / "still").mkdir()
    for t in range(4):
        write_image(tmp_path / "still" / f"{t}.png", image)
    words = (str(tmp_path / "still"), "--model", "whn", "--out", str(tmp_path / "out"), "--score")
    report, _ = forecast(capsys, *words)
    assert report["scores"]["baselines"]["constant_position"]["ade"] < 0.05


def test_a_text_is_read_by_models_that_take_one(letters, tmp_path, capsys):
    words = ("image.png", "--model", "whn-text", *FEW)
    one, _ = forecast(capsys, *words, "--text", "abc", "--out", str(tmp_path / "a"))
    two, _ = forecast(capsys, *words, "--text", "xyz", "--out", str(tmp_path / "b"))
    one, two = (load_forecast(report["paths"][0]) for report in (one, two))
    assert one.provenance["text"] == "abc"
    assert np.abs(one[0].xy - two[0].xy).max() > 1e-3


def test_two_views_a_text_and_a_step_of_the_episode(letters, tmp_path, capsys):
    words = ["image.png", "--model", "zipmo-libero", "--text", "lift it", "--stride", "32", *FEW]
    one, _ = forecast(capsys, *words, "--view", "wrist.png", "--out", str(tmp_path / "a"))
    late = ("--episode-step", "7", "--view", "wrist.png", "--out", str(tmp_path / "b"))
    two, _ = forecast(capsys, *words, *late)
    one, two = (load_forecast(report["paths"][0]) for report in (one, two))
    assert np.abs(one[0].xy - two[0].xy).max() > 1e-4
    assert two.provenance["episode_step"] == 7
    assert "got 1 of 128x80" in refused(capsys, tmp_path / "no", *words)


def test_a_dense_planner_takes_all_its_pokes(tmp_path, capsys):
    words = ["image.png", "--model", "zipmo-dense", "--stride", "32", *FEW]
    assert "an image and 3 pokes, got an image" in refused(capsys, tmp_path / "no", *words)
    assert "exactly 3 pokes, got 1" in refused(capsys, tmp_path / "no", *words, *POKE)
    forecast(capsys, *words, *POKE, *POKE, *POKE, "--out", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["image.png", "--model", "zipmo", "--poke", "1,2"], "x0,y0:x1,y1.* got '1,2'"),
        (["image.png", "--model", "zipmo", "--poke", "1,2:3,4@7"], "times of pokes from 0"),
        (["image.png", "--model", "zipmo", "--poke", "500,2:3,4"], "start inside the 128x80 frame"),
        (["image.png", "--model", "zipmo", "--poke", "5,2:9999,4"], "end near the 128x80 frame"),
        (["image.png", "--model", "zipmo", *POKE * 5], "at most 4 pokes, got 5"),
        (["image.png", "--model", "zipmo", "--text", "go"], "got an image and a text"),
        (["image.png", "--model", "zipmo", "--history", "8"], "no use for --history"),
        (["image.png", "--model", "zipmo", "--anchor", "start"], "no use for --anchor"),
        (["image.png", "--model", "zipmo", "--episode-step", "1"], "episode step"),
        (["image.png", "--model", "zipmo", "--view", "wrist.png"], "got 2 of 128x80, 128x80"),
        (["image.png", "--model", "zipmo", "--guidance", "0.5"], "guidance of at least 1"),
        (["image.png", "--model", "zipmo", "--horizon", "8"], "horizon of at most 7 frames"),
        (["image.png", "--model", "zipmo", "--score"], "--score compares with frames from"),
        (["clip.mp4", "--model", "zipmo", "--at", "10"], "--at from 1 .* to 9 .* got 10"),
        (["clip.mp4", "--model", "zipmo", "--at", "0"], "--at from 1 .* got 0"),
        (["image.png", "--model", "whn", *POKE], "from an image, got an image and pokes"),
        (["image.png", "--model", "whn", "--stride", "0"], "its own 6x8 points .* --stride"),
        (["image.png", "--model", "whn", "--guidance", "2"], "whn takes no guidance"),
        (["image.png", "--model", "whn-text"], "an image and a text, got an image"),
        (["clip.mp4", *POKE], "from a history of tracks, got a history and pokes"),
        (["clip.mp4", "--text", "go"], "got a history and a text"),
        (["clip.mp4", "--guidance", "2"], "takes no guidance"),
        (["clip.mp4", "--view", "wrist.png"], "no use for --view"),
        (["image.png"], "at least 2 frames.*or a model that forecasts from an image"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_model_is_one_line(words, message, tmp_path, capsys):
    assert re.search(message, refused(capsys, tmp_path / "no", *words))


def test_a_text_without_its_encoder_says_what_to_install(tmp_path, capsys):
    line = refused(capsys, tmp_path / "no", "image.png", "--model", "whn-text", "--text", "go")
    assert "kinecast[encoders]" in line or "bert-base-cased" in line


def test_models_say_what_they_forecast_from(place, capsys, monkeypatch):
    (place / "home" / "models").mkdir(exist_ok=True)
    for name in ("whn-text", "zipmo"):
        link = place / "home" / "models" / name
        if not link.exists():
            link.symlink_to(place / name)
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert rows["whn-text"]["takes"] == "an image and a text"
    assert rows["zipmo"]["takes"] == "an image and 0 to 4 pokes"
    assert rows["trajloom-small"]["takes"] == "a history of tracks"
    assert rows["zipmo"]["frames"] == 7
