import json

import numpy as np
import pytest

from kinecast.bench.trackers import COLUMNS, bench_trackers
from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.data.layers import layered_clip
from kinecast.data.synth.sim.gl import backend
from kinecast.io.tracks_file import load_tracks
from kinecast.io.video import write_video

SIZE = (96, 64)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("tracking") / "clip.mp4"
    video = layered_clip("translation", 0, frames=6, size=SIZE).video
    write_video(path, iter(video[0:6]), 24.0, SIZE)
    return path


@pytest.mark.parametrize(("reference", "at"), [("first", 1), ("last", 4), ("3", 3)])
def test_a_track_file_is_written_and_named(clip, tmp_path, capsys, reference, at):
    out = tmp_path / "tracks.npz"
    words = ["--stride", "16", "--reference", reference, "--start", "1", "--stop", "5", "--json"]
    assert main(["track", str(clip), "--out", str(out), *words]) == 0
    said = json.loads(capsys.readouterr().out)
    tracks = load_tracks(out)
    assert said["paths"] == [str(out)]
    assert (said["frames"], said["points"]) == (4, 24) == (len(tracks), tracks.count)
    assert (tracks.query_frame == at - 1).all()
    assert tracks.grid.stride == 16
    assert tracks.source["tracker"] == "flow"
    assert tracks.fps == pytest.approx(24)


def test_the_path_is_printed(clip, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(clip), "--out", "a.npz", "--tracker", "chain", "--stop", "2"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.npz'}\n"
    assert load_tracks(tmp_path / "a.npz").source["tracker"] == "chain"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "a.csv"], "ending in .npz"),
        (["--out", "a.npz", "--tracker", "raft"], "a tracker of alltracker, chain"),
        (["--out", "a.npz", "--stop", "9"], "<= 6 frames"),
        (["--out", "a.npz", "--stride", "500"], "a stride from 1"),
    ],
)
def test_mistakes_end_with_one_line_and_no_file(
    clip, tmp_path, capsys, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    assert main(["track", str(clip), *words]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "\n" not in said
    assert not list(tmp_path.iterdir())


def test_the_benchmark_is_a_table_of_trackers_by_kind():
    done = []
    result, text = bench_trackers(
        ("chain",), ("translation", "flat"), seeds=1, frames=4, progress=lambda *s: done.append(s)
    )
    assert [(row["kind"], row["seed"], row["tracker"]) for row in result["clips"]] == [
        ("translation", 0, "chain"),
        ("flat", 0, "chain"),
    ]
    means = result["mean"]["chain"]
    expected = np.mean([row["jaccard"] for row in result["clips"]])
    assert means["jaccard"] == pytest.approx(expected)
    assert set(means) == set(COLUMNS)
    assert 0 < means["jaccard"] < 1  # four frames of a whole motion are hard
    lines = text.splitlines()
    assert len(lines) == 5
    assert lines[-1].startswith("| all | chain | ")
    assert done == [(1, 2), (2, 2)]


def test_rendered_worlds_are_measured_too():
    pytest.importorskip("mujoco", reason="needs the extra sim")
    try:
        backend()
    except UserError as error:
        pytest.skip(f"no GL library: {error}")
    result, text = bench_trackers(("lk",), ("movi-a, camera moves",), seeds=1, frames=3)
    (row,) = result["clips"]
    assert row["jaccard"] > 0.3
    assert np.isfinite([row["moving_position"], row["moving_occlusion"]]).all()
    assert "| movi-a, camera moves | lk | " in text


def test_other_benchmarks_render_nothing(capsys):
    assert main(["bench", "speed", "--rendered"]) == 2
    assert "--rendered" in capsys.readouterr().err
