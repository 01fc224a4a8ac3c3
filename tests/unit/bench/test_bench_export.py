"""Inputs for methods that run elsewhere, and their outputs coming back."""

import csv
import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from other_cases import HISTORY, HORIZON, SIZE, moving, now

from kinecast.bench.contestant import contestant
from kinecast.bench.export import export
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.io.image import read_image
from kinecast.io.npz import NpzReader
from kinecast.io.tracks_file import load_tracks, save_tracks
from kinecast.io.video import open_video


def full():
    """A case with everything; the pixels of frame t are 20 t."""
    frames = np.empty((HISTORY + HORIZON, SIZE[1], SIZE[0], 3), np.uint8)
    frames[:] = (20 * np.arange(len(frames), dtype=np.uint8))[:, None, None, None]
    case = moving(
        frame=Frame(frames[HISTORY - 1]),
        views=(Frame(frames[0, :24, :40]),),
        video=Video(ArraySource(frames, 12.0)),
        pokes=Pokes.of((30, 20, 40, 25, 0.5)),
        text="the cup falls",
    )
    case.history.visible[-1, 1] = False  # hidden now
    return case


def suite_of(*cases):
    """What `export` reads of a suite."""
    return SimpleNamespace(
        name="some", version=3, protocol={"k": 2}, cases=lambda size, data: iter(cases)
    )  # fmt: skip


def test_a_case_is_a_folder_with_all_that_a_method_may_see(tmp_path):
    case = full()
    manifest = json.loads(export(suite_of(case), "mini", None, tmp_path / "in").read_text())
    place = tmp_path / "in" / "one" / "0003"
    facts = json.loads((place / "case.json").read_text())
    assert facts["size"] == list(SIZE)
    assert (facts["fps"], facts["horizon"], facts["history_frames"]) == (12.0, HORIZON, HISTORY)
    assert "edge-aligned" in facts["convention"]
    assert facts["samples"] == 2
    assert (manifest["suite"], manifest["suite_version"], manifest["size"]) == ("some", 3, "mini")
    (listed,) = manifest["cases"]
    assert listed["files"] == sorted(
        p.relative_to(place).as_posix()
        for p in place.rglob("*")
        if p.is_file() and p.name != "case.json"
    )
    np.testing.assert_array_equal(read_image(place / "image.png"), case.frame.image)
    assert read_image(place / "views" / "0.png").shape == (24, 40, 3)
    assert (place / "caption.txt").read_text() == "the cup falls\n"
    (poke,) = json.loads((place / "pokes.json").read_text())["pokes"]
    assert poke == {"start": [30, 20], "end": [40, 25], "time": 0.5}


def test_queries_are_the_points_now_and_hidden_ones_where_they_were_seen(tmp_path):
    case = full()
    export(suite_of(case), "mini", None, tmp_path / "in")
    place = tmp_path / "in" / case.id
    with (place / "queries.csv").open() as file:
        rows = list(csv.DictReader(file))
    xy = np.array([[float(row["x"]), float(row["y"])] for row in rows], np.float32)
    wanted = now(case)
    wanted[1] = case.history.xy[-2, 1]
    np.testing.assert_array_equal(xy, wanted.astype(np.float32))
    assert [row["visible"] for row in rows] == ["1", "0", "1", "1", "1"]
    laid = np.array([[float(row["query_x"]), float(row["query_y"])] for row in rows], np.float32)
    np.testing.assert_array_equal(laid, case.history.xy[0])
    arrays = NpzReader(place / "queries.npz", "kinecast-queries", 1)
    np.testing.assert_array_equal(arrays.take("xy", "float32", (5, 2)), xy)
    normalised = arrays.take("xy_normalised", "float64", (5, 2))
    np.testing.assert_allclose((normalised + 1) / 2 * SIZE, xy, atol=1e-5)


def test_nothing_of_the_future_is_written(tmp_path):
    case = full()
    export(suite_of(case), "mini", None, tmp_path / "in")
    place = tmp_path / "in" / case.id
    shown = open_video(place / "history.mp4")
    assert len(shown) == HISTORY == len(load_tracks(place / "history.npz"))
    assert shown[:].mean((1, 2, 3)).round() == pytest.approx([0, 20, 40], abs=2)
    other = replace(case, truths=tuple(replace(t, xy=t.xy + 7) for t in case.truths))
    export(suite_of(other), "mini", None, tmp_path / "other")
    for file in sorted(p for p in (tmp_path / "in").rglob("*") if p.is_file()):
        assert (
            file.read_bytes()
            == (tmp_path / "other" / file.relative_to(tmp_path / "in")).read_bytes()
        )


def test_what_a_case_does_not_have_is_not_written(tmp_path):
    export(suite_of(moving()), "mini", None, tmp_path / "in")
    names = {p.name for p in (tmp_path / "in" / "one" / "0003").iterdir()}
    assert names == {"case.json", "history.npz", "queries.csv", "queries.npz"}


def test_an_answer_by_case_comes_back_as_it_was(tmp_path):
    case = moving()
    export(suite_of(case), "mini", None, tmp_path / "in")
    for listed in json.loads((tmp_path / "in" / "manifest.json").read_text())["cases"]:
        # a method that knows nothing of Kinecast's types but the track file
        place = tmp_path / "in" / listed["id"]
        start = NpzReader(place / "queries.npz", "kinecast-queries", 1).take(
            "xy", "float32", (None, 2)
        )
        xy = np.repeat(start[None], listed["horizon"], axis=0)
        save_tracks(
            tmp_path / "out" / f"{listed['id']}.npz",
            Tracks(xy, np.ones(xy.shape[:2], bool), tuple(listed["size"])),
        )
    (future,) = contestant(f"outputs:kinecast:{tmp_path}/out")[0].forecast(case, 8, 0)
    np.testing.assert_array_equal(future.xy, np.repeat(case.history.xy[-1:], HORIZON, 0))


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../b"])
def test_an_id_cannot_leave_the_folder(tmp_path, name):
    bad = partial(moving, id=name)
    with pytest.raises(UserError, match="plain relative name"):
        export(suite_of(bad()), "mini", None, tmp_path / "in")
    assert not (tmp_path / "in").exists()
