"""`kinecast forecast` with the bundled weights, through the command line."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_clip import SIZE, write_clip

import kinecast
from kinecast.cli.main import main
from kinecast.io.forecast_file import load_forecast
from kinecast.io.image import write_image

FRAMES = 40
CHEAP = ["--stride", "8", "--samples", "2"]
ERRORS = {"mean_ade", "best_ade", "sample_ade", "mean_fde", "best_fde"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES)


def forecast(capsys, *words):
    status = main(["forecast", *words, "--json"])
    streams = capsys.readouterr()
    assert status == 0, streams.err
    return json.loads(streams.out), streams.err  # --json: one object and nothing else on stdout


def test_the_future_of_a_video_follows_its_end(clip, tmp_path, capsys):
    report, said = forecast(capsys, clip, "--out", str(tmp_path / "out"), *CHEAP)
    names = ["forecast.npz", "forecast.mp4", "forecast.png"]
    assert report["paths"] == [str(tmp_path / "out" / name) for name in names]
    assert set(report["seconds"]) == {"open", "track", "forecast", "score", "render", "write"}
    assert report["peak_memory_bytes"] > 1e7
    assert report["scores"] is None
    assert f"{FRAMES} frames of history, not 81" in said

    arrays = np.load(report["paths"][0])
    h, w = arrays["grid"]
    assert (h, w) == (10, 16)
    assert (arrays["xy"].dtype, arrays["xy"].shape) == (np.float32, (2, 81, h * w, 2))
    assert (arrays["visible"].dtype, arrays["visible"].shape) == (np.bool_, (2, 81, h * w))
    assert arrays["visible_prob"].dtype == np.float16
    assert arrays["visible_prob"].shape == (2, 81, h * w)
    assert arrays["history_xy"].shape == (FRAMES, h * w, 2)
    assert arrays["history_visible"].shape == (FRAMES, h * w)
    assert arrays["size"].tolist() == list(SIZE)
    assert arrays["fps"] == 24
    assert np.isfinite(arrays["xy"]).all()
    assert arrays["history_visible"][-1].all()  # laid on the last frame: the present is covered

    film = kinecast.open_video(report["paths"][1])
    assert len(film) >= FRAMES + 81
    provenance = load_forecast(report["paths"][0]).provenance
    assert provenance["model"] == "trajloom-small"
    assert (provenance["seed"], provenance["at"], provenance["anchor"]) == (0, FRAMES, "now")


def test_scores_have_every_baseline_and_the_exact_keys(clip, tmp_path, capsys):
    words = (clip, "--out", str(tmp_path), "--at", "24", "--horizon", "20", "--score", *CHEAP)
    report, said = forecast(capsys, *words)
    scores = report["scores"]
    assert set(scores) == {"opponent", "model", "baselines"}
    assert set(scores["model"]) == ERRORS | {"moving", "visibility_f1"}
    assert set(scores["model"]["moving"]) == ERRORS
    assert scores["opponent"] in scores["baselines"]
    assert {"constant_position", "constant_velocity", "linear_8"} <= set(scores["baselines"])
    for baseline in scores["baselines"].values():
        assert set(baseline) == {"ade", "fde", "moving"}
        assert set(baseline["moving"]) == {"ade", "fde"}
    assert scores["model"]["best_ade"] <= scores["model"]["sample_ade"]
    assert "16 of 20 forecast frames are scored" in said
    # the square goes on moving: staying put is far off there
    straight, stay = (scores["baselines"][b] for b in ("linear_8", "constant_position"))
    assert straight["moving"]["ade"] < stay["moving"]["ade"]

    arrays = np.load(report["paths"][0])
    assert arrays["history_visible"][0].all()  # under --score points are laid on the first frame


def test_the_same_command_gives_the_same_bits(clip, tmp_path, capsys):
    words = (clip, *CHEAP, "--horizon", "12", "--seed", "3")
    first, _ = forecast(capsys, *words, "--out", str(tmp_path / "a"))
    again, _ = forecast(capsys, *words, "--out", str(tmp_path / "b"))
    a, b = (np.load(report["paths"][0]) for report in (first, again))
    assert set(a.files) == set(b.files)
    for name in a.files:
        assert np.array_equal(a[name], b[name]), name


def test_a_sample_alone_is_the_sample_of_a_batch(clip):
    video = kinecast.open_video(clip)
    tracks = kinecast.track(video, stride=8)
    past, truth = tracks.split(24)
    model = kinecast.load("trajloom-small")
    batch, alone = model.forecast(past, k=8, seed=1), model.forecast(past, samples=[3], seed=1)
    assert np.abs(batch[3].xy - alone[0].xy).max() < 1e-3
    scores = kinecast.evaluate(batch, truth=truth)
    assert set(scores) == ERRORS | {"moving", "visibility_f1"}


def test_a_horizon_beyond_the_window_rolls_on(clip, tmp_path, capsys):
    words = (clip, "--out", str(tmp_path), "--stride", "32", "--samples", "1", "--horizon", "100")
    report, _ = forecast(capsys, *words)
    arrays = np.load(report["paths"][0])
    assert arrays["xy"].shape[1] == 100
    assert np.isfinite(arrays["xy"]).all()


@pytest.mark.parametrize("size", [(1, 1), (4097, 3), (7, 33)])
def test_odd_sizes_are_forecast(size, tmp_path, capsys):
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for t in range(3):
        image = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        write_image(tmp_path / "images" / f"{t}.png", image)
    words = (str(tmp_path / "images"), "--out", str(tmp_path / "out"), "--samples", "1")
    report, _ = forecast(capsys, *words, "--horizon", "5")
    arrays = np.load(report["paths"][0])
    assert arrays["size"].tolist() == list(size)
    assert np.isfinite(arrays["xy"]).all()


def test_eval_gives_the_scores_again(clip, tmp_path, capsys):
    words = (clip, "--out", str(tmp_path), "--at", "24", "--horizon", "16", "--score", *CHEAP)
    report, _ = forecast(capsys, *words)
    grid = kinecast.Grid.over(SIZE, 8.0)
    video = kinecast.open_video(clip)
    tracks = kinecast.track(video, grid=grid)
    kinecast.write(tracks, tmp_path / "truth.npz")
    truth = ["--truth", str(tmp_path / "truth.npz"), "--at", "24"]
    status = main(["eval", report["paths"][0], *truth, "--json"])
    assert status == 0
    again = json.loads(capsys.readouterr().out)
    assert again["model"]["mean_ade"] == pytest.approx(report["scores"]["model"]["mean_ade"])
    assert main(["eval", report["paths"][0], *truth]) == 0
    table = capsys.readouterr().out
    assert all(name in table for name in ("model, best of 2", "kalman_0.1", "damped_16_0.98"))


def test_eval_of_tracks_is_tapvid(tmp_path, capsys):
    clip = kinecast.synth("handled", seed=1, frames=6, size=(96, 64))
    kinecast.write(clip.tracks, tmp_path / "truth.npz")
    moved = replace(clip.tracks, xy=clip.tracks.xy + np.float32([3 * 96 / 256, 0]))
    kinecast.write(moved, tmp_path / "moved.npz")
    words = ["eval", str(tmp_path / "moved.npz"), "--truth", str(tmp_path / "truth.npz")]
    assert main([*words, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["pts_within_2"] == 0  # moved by 3 pixels of the 256 frame
    assert scores["average_pts_within_thresh"] == pytest.approx(0.6)
    assert scores["occlusion_accuracy"] == 1
    assert main(words) == 0
    assert "average_jaccard" in capsys.readouterr().out
