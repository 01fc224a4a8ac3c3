"""Builders of evaluation sets from raw videos, with a tracker whose points are known."""

import json

import numpy as np
import pytest
import torch
from shard_files import encoded, pictures

from kinecast.cli import build as build_verb
from kinecast.cli.main import main
from kinecast.core.tracks import Tracks
from kinecast.data.importers import importer


class KnownTracker:
    """Every point moves its own constant way; those of the left half stay where they are."""

    name = "known"

    def track(self, video, *, grid=None, reference="first", start=0, stop=None, progress=None):
        points = grid.points().reshape(-1, 2)
        moves = (points[:, 0] > video.size[0] / 2)[:, None] * np.array([-0.5, 0.25])
        T = len(video)
        xy = points + np.arange(T)[:, None, None] * moves
        visible = np.ones((T, len(points)), bool)
        visible[1:, -1] = False
        return Tracks(
            xy.astype(np.float32), visible, video.size, np.zeros(len(points), np.int64),
            visible.astype(np.float32), video.fps, grid,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(build_verb, "load_tracker", lambda *_: KnownTracker())


def build(capsys, *words):
    assert main(["build", *map(str, words), "--json"]) == 0
    shown = capsys.readouterr()
    return json.loads(shown.out), shown.err


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def still(T, W, H):
    """Frames that cost nothing to encode: one picture."""
    return np.broadcast_to(pictures(1, W, H), (T, H, W, 3))


def test_trajloom_bench(tmp_path, capsys):
    source = tmp_path / "videos"
    put(source / "a" / "walk.mp4", encoded(still(165, 864, 480), fps=24))
    (source / "a" / "walk.txt").write_text("a man walks")
    put(source / "short.mp4", encoded(still(161, 64, 36)))
    put(source / "portrait.mp4", encoded(still(162, 36, 64)))
    put(source / "small.mp4", encoded(still(162, 64, 36)))
    put(source / "torn.mp4", b"no video")
    out = tmp_path / "bench"
    result, errors = build(capsys, "trajloom-bench", source, "--out", out)
    assert result["kept"] == ["a-walk"]
    reasons = {drop["clip"]: drop["reason"] for drop in result["dropped"]}
    assert reasons.keys() == {"short", "portrait", "small", "torn"}
    assert "expected 162 frames or more, got 161" in reasons["short"]
    assert "cropping would cut off" in reasons["portrait"]
    assert "got 64x36 (upscale=true takes it)" in reasons["small"]
    assert "dropped torn: expected a video" in errors
    assert json.loads((out / "report.json").read_text())["dropped"] == result["dropped"]

    with np.load(out / "tracks" / "a-walk.npz") as file:
        trajectory, visibility = file["trajectory"], file["visibility"]
    assert (trajectory.shape, trajectory.dtype) == ((390, 162, 2), np.float32)
    assert (visibility.shape, visibility.dtype) == ((390, 162), np.bool_)
    query = np.stack(np.meshgrid(np.arange(26) * 32, np.arange(15) * 32), -1).reshape(-1, 2)
    np.testing.assert_array_equal(trajectory[:, 0], query)  # pixels, integers are centres
    np.testing.assert_array_equal(np.load(out / "query_xy.npy"), query)
    np.testing.assert_array_equal(np.load(out / "grid_idx.npy"), query @ [1, 832])
    assert np.load(out / "query_xy.npy").dtype == np.int64

    (clip,) = importer("trajloom").items(out)
    assert (clip.tracks.size, len(clip.video), clip.caption) == ((832, 480), 162, "a man walks")
    np.testing.assert_allclose(clip.tracks.xy[0], query + 0.5, atol=1e-3)
    assert clip.tracks.fps == 24
    want = pictures(1, 864, 480)[0, :, 16:-16].astype(int)  # 864 -> 832 by cropping alone
    assert np.abs(clip.video[100:101][0] - want).mean() < 8


def test_trajloom_bench_takes_small_videos_when_asked(tmp_path, capsys):
    put(tmp_path / "v" / "small.mp4", encoded(still(162, 64, 36)))
    result, _ = build(
        capsys, "trajloom-bench", tmp_path / "v", "upscale=true", "--out", tmp_path / "o"
    )
    assert result["kept"] == ["small"]
    assert result["settings"] == {"cut": 0.15, "upscale": True}


def test_physics101_crops_are_whns_shards(tmp_path, capsys):
    trial = tmp_path / "phys" / "ramp" / "block" / "01"
    frames = pictures(33, 480, 270)
    put(trial / "Camera_1.mp4", encoded(frames))
    put(trial / "Kinect_RGB_1.mp4", encoded(frames[:29]))
    put(tmp_path / "phys" / "fall" / "ball" / "02" / "Camera_1.mp4", encoded(frames[:10]))
    result, errors = build(
        capsys, "physics101-crops", tmp_path / "phys", "start=3", "--out", tmp_path / "o"
    )
    assert result["kept"] == ["ramp/block/01/1"]
    assert "dropped fall/ball/02/1: camera: expected frames 3 to 32" in errors
    assert "kinect: expected frames 3 to 32" in errors
    (clip,) = importer("whn").items(tmp_path / "o")
    assert clip.id == "shard_000000/000001_ramp_block_01_1/camera"
    assert (clip.tracks.size, len(clip.tracks), clip.tracks.count) == ((464, 256), 30, 64 * 116)
    np.testing.assert_array_equal(clip.tracks.xy[0], clip.tracks.grid.points().reshape(-1, 2))
    assert clip.tracks.grid.origin == (2.5, 2.5)
    np.testing.assert_allclose(clip.tracks.xy[10, 100], [402.5 - 5, 2.5 + 2.5], atol=1e-3)


def test_zipmo_open_set(tmp_path, capsys):
    source = tmp_path / "videos"
    walk = put(source / "walk.mp4", encoded(still(130, 96, 64), fps=24)).read_bytes()
    put(source / "short.mp4", encoded(still(126, 96, 64)))
    out = tmp_path / "o"
    result, _ = build(capsys, "zipmo-open-set", source, "--out", out)
    assert result["kept"] == ["walk"]
    assert "expected 127 frames or more, got 126" in result["dropped"][0]["reason"]
    assert (out / "pexels" / "original-walk.mp4").read_bytes() == walk
    tracks = torch.load(out / "gt_tracks.pt", weights_only=True)["walk"]["tracks"]
    assert tracks.shape == (40, 64, 2)
    y, x = tracks[..., 0].numpy(), tracks[..., 1].numpy()
    np.testing.assert_allclose(np.diff(x) * 96 / 2, -0.5, atol=1e-3)
    np.testing.assert_allclose(np.diff(y) * 64 / 2, 0.25, atol=1e-3)
    assert (x[:, 0] > 0).all()  # only the moving half
    (clip,) = importer("zipmo-eval").items(out)
    assert (clip.tracks.size, clip.tracks.fps) == ((96, 64), 12)
    again, _ = build(capsys, "zipmo-open-set", source, "seed=1", "--out", tmp_path / "other")
    other = torch.load(tmp_path / "other" / "gt_tracks.pt", weights_only=True)["walk"]["tracks"]
    assert again["settings"]["seed"] == 1
    assert not torch.equal(other, tracks)


def test_zipmo_open_set_says_when_too_little_moves(tmp_path, capsys):
    put(tmp_path / "v" / "walk.mp4", encoded(still(130, 96, 64)))
    words = ["build", "zipmo-open-set", str(tmp_path / "v"), "moved=0.9", "--out"]
    assert main([*words, str(tmp_path / "o")]) == 2
    assert "got none of 1; walk: expected 40 points that move" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trajlom-bench", "."], "did you mean trajloom-bench?"),
        (["trajloom-bench"], "expected one SOURCE (a folder of videos)"),
        (["whn-kubric", "."], "expected no SOURCE"),
        (["trajloom-bench", "nowhere"], "no such file or folder: nowhere"),
        (["trajloom-bench", ".", "cutt=1"], "did you mean cut?"),
        (["trajloom-bench", ".", "cut=some"], "expected cut=NUMBER"),
        (["trajloom-bench", ".", "upscale=1"], "expected upscale=true|false"),
        (["zipmo-open-set", ".", "camera=moving"], "expected camera=fixed|any"),
        (["whn-kubric", "scenes=1.5"], "expected scenes=WHOLE NUMBER"),
        (["whn-kubric", "rollouts=66"], "rollouts"),
        (["trajloom-bench", "."], "expected videos"),
    ],
)
def test_mistakes_are_named(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["build", *words, "--out", "o"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_list_names_every_set(capsys):
    assert main(["build", "--list", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["sets"]]
    wanted = ["trajloom-bench", "whn-kubric", "physics101-crops", "physion-real", "zipmo-open-set"]
    assert names == wanted
    assert main(["build", "--list"]) == 0
    assert "trajloom-bench" in capsys.readouterr().out
