"""`kinecast synth` and its contact sheet."""

import json

import numpy as np
import pytest

from kinecast.cli.main import main
from kinecast.core.tracks import Tracks
from kinecast.data.synth import FAMILIES, HELD_OUT, generate
from kinecast.data.synth.sim.registry import RENDERED
from kinecast.io.image import read_image
from kinecast.io.tracks_file import load_tracks
from kinecast.viz.contact import TILE_WIDTH, contact_sheet

SMALL = ["--frames", "6", "--size", "160x96"]


def test_it_writes_clips_and_a_contact_sheet(tmp_path, capsys):
    out = tmp_path / "worlds"
    words = ["synth", "sliding", "--n", "3", "--seed", "5", "--anchor", "2", "--out", str(out)]
    assert main([*words, *SMALL]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [str(p) for p in [*sorted(out.glob("*.npz")), out / "contact.png"]]
    worlds = generate("sliding", seed=5, n=3, frames=6, size=(160, 96), anchor=2)
    for i in range(3):
        tracks = load_tracks(out / f"sliding_{i:05d}.npz")
        np.testing.assert_array_equal(tracks.xy, worlds.clip(i).tracks.xy)
        np.testing.assert_array_equal(tracks.visible, worlds.clip(i).tracks.visible)
        assert (tracks.query_frame == 2).all()
        assert tracks.grid == worlds.grid
    sheet = read_image(out / "contact.png")
    assert sheet.shape[1] > 4 * TILE_WIDTH
    assert sheet.max() > 150


def test_json_is_one_object(tmp_path, capsys):
    out = tmp_path / "a"
    assert main(["synth", "--n", "1", "--json", "--out", str(out), *SMALL]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["family"] == "mix"
    assert result["paths"] == [str(out / "mix_00000.npz"), str(out / "contact.png")]


def test_it_lists_all_families(capsys):
    assert main(["synth", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed["families"]] == list(FAMILIES)
    assert listed["held_out"] == list(HELD_OUT)
    assert [row["name"] for row in listed["rendered"]] == list(RENDERED)
    assert main(["synth", "--list"]) == 0
    table = capsys.readouterr().out
    assert "held out" in table
    assert "movi-a" in table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["synth", "still"], "add --out DIR"),
        (["synth", "stil", "--out", "x"], "did you mean still?"),
        (["synth", "still", "--out", "x", "--size", "832"], "--size WxH"),
        (["synth", "still", "--out", "x", "--n", "0"], "1 or more clips"),
        (["synth", "still", "--out", "x", "--futures", "2"], "only with a rendered family"),
        (["synth", "movi-a", "--out", "x", "--motion", "y"], "no --motion and no --device"),
        (["synth", "movi-a", "--out", "x", "--futures", "0"], "--futures and --workers of 1"),
        (["synth", "movi-a", "--out", "x", "--camera", "orbit"], "camera static or moving"),
        (["synth", "movi-a", "--out", "x", "--frames", "4", "--anchor", "4"], "anchor < 4"),
        (["synth", "movi-a", "--out", "x", "--stride", "0"], "stride of 1 pixel or more, got 0"),
        (["synth", "still", "--out", "x", "--motion", "nowhere"], "folder of motion"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_shows_points_where_they_are_and_hidden_ones_faintly():
    xy = np.full((5, 2, 2), [30.0, 20.0], np.float32)
    xy[:, 1] = [130.0, 76.0]
    visible = np.array([[True, False]] * 5)
    tracks = Tracks(xy=xy, visible=visible, size=(160, 96))
    sheet = contact_sheet([tracks], [""], moments=1).astype(int)
    scale = TILE_WIDTH / 160
    level = [
        sheet[round(6 + scale * y) - 3 : round(6 + scale * y) + 4, round(6 + scale * x) - 3 :][
            :, :7
        ].max()
        for x, y in xy[0]
    ]
    assert level[0] > level[1] > 40
    assert sheet[90:100, 150:160].max() < 40
