"""`kinecast eval --from`: what another method wrote, scored beside the trivial forecasts."""

import json

import numpy as np
import pytest

from kinecast.cli.main import main
from kinecast.core.tracks import Tracks
from kinecast.io.tracks_file import save_tracks

SIZE, AT, HORIZON = (80, 48), 4, 6


@pytest.fixture
def truth(tmp_path):
    """Points that move by (1, 0.5) a frame."""
    start = np.random.default_rng(0).uniform((20, 10), (50, 30), (7, 2))
    xy = (start + np.arange(AT + HORIZON)[:, None, None] * np.array([1, 0.5])).astype(np.float32)
    tracks = Tracks(xy, np.ones(xy.shape[:2], bool), SIZE, np.zeros(7, np.int64), fps=24.0)
    save_tracks(tmp_path / "dog.npz", tracks)
    return tracks


def scores(capsys, *words):
    assert main(["eval", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_file_of_another_method_is_scored(tmp_path, truth, capsys):
    off = np.stack([truth.xy[AT - 1 :] + np.float32(shift) for shift in (0, 3)])  # two samples
    off[1, 0] = truth.xy[AT - 1]
    np.savez(tmp_path / "answer.npz", tracks=(off / SIZE).transpose(0, 2, 1, 3))
    given = ("--truth", tmp_path / "dog.npz", "--at", AT)
    stated = "myriad?axes=kntd&first=now"
    found = scores(capsys, tmp_path / "answer.npz", "--from", stated, *given)["model"]
    assert found["best_ade"] == pytest.approx(0, abs=1e-4)
    assert found["sample_ade"] == pytest.approx(np.hypot(3, 3) / 2, abs=1e-4)


def test_errors_name_what_is_missing(tmp_path, truth, capsys):
    np.save(tmp_path / "answer.npy", np.zeros((3, 7, 2)))
    given = ["--truth", str(tmp_path / "dog.npz")]
    cases = [
        (["answer.npy", "--from", "myriad"], "expected --at from 1 to 9"),
        (["answer.npy", "--from", "myriad", "--at", "4"], "axes="),
        (["none.npy", "--from", "myriad", "--at", "4"], "no such file"),
        (["answer.npy", "--from", "zipmo", "--at", "4"], "no such file: "),
    ]
    for (file, *words), message in cases:
        assert main(["eval", str(tmp_path / file), *given, *words]) == 2
        assert message in capsys.readouterr().err
