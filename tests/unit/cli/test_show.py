"""`kinecast show`: what is in a file."""

import json

import numpy as np
import pytest
import torch

from kinecast.cli.show import show
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.io.checkpoint import file_hash, save_checkpoint
from kinecast.io.forecast_file import save_forecast
from kinecast.io.formats import write
from kinecast.io.image import read_image, write_image
from kinecast.io.video import open_video, write_video

SIZE = (160, 96)
GRID = Grid.over(SIZE, 32.0)


def _tracks(frames, speed=0.0):
    xy = np.tile(GRID.points().reshape(1, -1, 2), (frames, 1, 1))
    xy[:, :5, 0] += speed * np.arange(frames, dtype=np.float32)[:, None]
    return Tracks(xy, np.ones(xy.shape[:2], bool), SIZE, fps=20.0, grid=GRID, source={"by": "me"})


@pytest.fixture
def files(tmp_path):
    write(_tracks(9, 2.0), tmp_path / "t.npz")
    write(_tracks(9, 2.0), tmp_path / "t.csv")
    futures = [_tracks(4, speed) for speed in (1.0, 3.0)]
    prob = np.ones((2, 4, GRID.count))
    save_forecast(tmp_path / "f.npz", futures, prob, _tracks(6), {"model": "m", "at": 6})
    frame = np.full((96, 160, 3), 90, np.uint8)
    write_video(tmp_path / "v.mp4", iter([frame] * 12), 20, SIZE)
    save_checkpoint(
        tmp_path / "model", {"system": "x"}, {"w": torch.zeros(3, 5)}, "---\n# The card\n"
    )
    for t in range(3):
        write_image(tmp_path / "frames" / f"{t}.png", frame)
    return tmp_path


def _json(capsys, *args, **options):
    show(*args, json_=True, **options)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["t.npz", "t.csv"])
def test_tracks(files, capsys, name):
    got = _json(capsys, files / name)
    assert got == {
        "kind": "tracks", "frames": 9, "points": "15 (3x5 grid, stride 32)", "size": "160x96",
        "fps": "20", "visible": "100.0 %", "moving": "33.3 %", "confidence": "no",
        "source": {"by": "me"},
    }  # fmt: skip


def test_forecast(files, capsys):
    got = _json(capsys, files / "f.npz")
    assert (got["kind"], got["samples"], got["frames"], got["history"]) == ("forecast", 2, 4, 6)
    assert got["spread at the end"] == "1.0 px between samples"  # a third of the points, 3 px off
    assert got["provenance"] == {"model": "m", "at": 6}


def test_video_and_folder_of_images(files, capsys):
    got = _json(capsys, files / "v.mp4")
    assert got == {"kind": "video", "frames": 12, "size": "160x96", "fps": "20", "seconds": 0.6}
    got = _json(capsys, files / "frames")
    assert got == {"kind": "video", "frames": 3, "size": "160x96", "fps": "unknown"}


def test_checkpoint(files, capsys):
    got = _json(capsys, files / "model")
    assert (got["kind"], got["card"], got["tensors"], got["numbers"]) == (
        "checkpoint", "The card", 1, 15,
    )  # fmt: skip
    assert got["sha256"] == file_hash(files / "model" / "model.safetensors")
    assert got["config"] == {"system": "x"}


def test_text_for_people(files, capsys):
    show(files / "t.npz")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["kind", "tracks"]
    assert "points      15 (3x5 grid, stride 32)" in lines


@pytest.mark.parametrize("video", [None, "v.mp4"])
@pytest.mark.parametrize("name", ["t.npz", "f.npz"])
def test_pictures(files, capsys, name, video):
    video = files / video if video else None
    for suffix in ("png", "mp4"):
        out = files / "out" / f"x.{suffix}"
        assert _json(capsys, files / name, video=video, out=out)["paths"] == [str(out)]
    assert read_image(files / "out" / "x.png").shape == (250, 416, 3)
    assert len(open_video(files / "out" / "x.mp4")) >= 9


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("t.npz", {"out": "x.gif"}, r"expected --out ending in \.png or \.mp4, got"),
        ("v.mp4", {"out": "x.png"}, "expected a track or a forecast file to draw"),
        ("model", {"out": "x.png"}, "expected a track or a forecast file to draw"),
        ("t.npz", {"out": "x.png", "video": "frames"}, "render tracks on the video they come from"),
        ("f.npz", {"out": "x.png", "video": "frames"}, "expected at from 6 .* to 3"),
        ("gone.npz", {}, "no such file"),
        ("gone.mp4", {}, "no such file"),
        ("other.npz", {}, "expected a track or a forecast file, got the format 'none'"),
    ],
)
def test_mistakes(files, name, options, message):
    np.savez(files / "other.npz", a=np.zeros(3))
    paths = {key: files / value for key, value in options.items()}
    with pytest.raises(UserError, match=message):
        show(files / name, **paths)


def test_a_forecast_that_does_not_say_where_it_starts_needs_at(files, capsys):
    save_forecast(
        files / "g.npz", [_tracks(4)], np.ones((1, 4, GRID.count)), _tracks(6), {"model": "m"}
    )
    with pytest.raises(UserError, match="expected --at, the first future frame"):
        show(files / "g.npz", video=files / "v.mp4", out=files / "x.png")
    _json(capsys, files / "g.npz", video=files / "v.mp4", out=files / "x.png", at=6)
