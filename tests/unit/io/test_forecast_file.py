"""The forecast file: the layout that other programs read."""

import numpy as np
import pytest
from track_values import SIZE, random_tracks, same

from kinecast.core.errors import UserError
from kinecast.io.forecast_file import load_forecast, save_forecast
from kinecast.io.tracks_file import load_tracks, save_tracks

PROVENANCE = {"model": "m", "seed": 3, "at": 5}


def _forecast():
    history = random_tracks()
    futures = [random_tracks(seed=k, frames=7, bare=True) for k in (1, 2, 3)]
    prob = np.random.default_rng(0).random((3, 7, history.count)).astype(np.float32)
    return futures, prob, history


def test_what_is_written_is_read(tmp_path):
    futures, prob, history = _forecast()
    save_forecast(tmp_path / "f.npz", futures, prob, history, PROVENANCE)
    file = load_forecast(tmp_path / "f.npz")
    assert same(file.history, history)
    assert file.provenance == PROVENANCE
    np.testing.assert_array_equal(file.visible_prob, prob.astype(np.float16))
    assert len(file.futures) == 3
    for got, want in zip(file.futures, futures, strict=True):
        np.testing.assert_array_equal(got.xy, want.xy)
        np.testing.assert_array_equal(got.visible, want.visible)
        assert (got.size, got.fps, got.grid) == (SIZE, history.fps, history.grid)
        assert got.source == PROVENANCE


def test_the_layout_is_the_documented_one(tmp_path):
    futures, prob, history = _forecast()
    save_forecast(tmp_path / "f.npz", futures, prob, history, PROVENANCE)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as file:
        layout = {name: (file[name].dtype.name, file[name].shape) for name in file.files}
    assert {k: v for k, v in layout.items() if not v[0].startswith("str")} == {
        "version": ("int64", ()),
        "xy": ("float32", (3, 7, 15, 2)),
        "visible": ("bool", (3, 7, 15)),
        "visible_prob": ("float16", (3, 7, 15)),
        "history_xy": ("float32", (5, 15, 2)),
        "history_visible": ("bool", (5, 15)),
        "history_query_frame": ("int64", (15,)),
        "history_confidence": ("float32", (5, 15)),
        "size": ("int64", (2,)),
        "fps": ("float64", ()),
        "grid": ("int64", (2,)),
        "grid_stride": ("float64", ()),
        "grid_origin": ("float64", (2,)),
    }
    assert set(layout) - {"format", "provenance", "history_source"} == {
        k for k, v in layout.items() if not v[0].startswith("str")
    }


def test_the_same_forecast_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_forecast(tmp_path / f"{name}.npz", *_forecast(), PROVENANCE)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_futures_that_disagree_are_refused(tmp_path):
    futures, prob, history = _forecast()
    short = [*futures[:2], futures[2].window(0, 6)]
    with pytest.raises(UserError, match="expected futures of 7 frames"):
        save_forecast(tmp_path / "f.npz", short, prob, history, {})
    with pytest.raises(UserError, match=r"expected visible_prob \(K, T, N\) \(3, 7, 15\)"):
        save_forecast(tmp_path / "f.npz", futures, prob[:, :6], history, {})
    with pytest.raises(UserError, match="expected at least one future"):
        save_forecast(tmp_path / "f.npz", [], prob[:0], history, {})
    assert list(tmp_path.iterdir()) == []


def test_a_track_file_is_not_a_forecast_and_the_other_way(tmp_path):
    save_tracks(tmp_path / "t.npz", random_tracks())
    save_forecast(tmp_path / "f.npz", *_forecast(), PROVENANCE)
    with pytest.raises(
        UserError, match=r"expected format 'kinecast-forecast' .* 'kinecast-tracks'"
    ):
        load_forecast(tmp_path / "t.npz")
    with pytest.raises(
        UserError, match=r"expected format 'kinecast-tracks' .* 'kinecast-forecast'"
    ):
        load_tracks(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("visible_prob", np.zeros((3, 7, 15), np.float32), "expected visible_prob float16"),
        ("history_xy", np.zeros((5, 9, 2), np.float32), r"history_xy float32 \(any, 15, 2\)"),
        ("visible", np.ones((3, 7, 14), bool), r"expected visible bool \(3, 7, 15\)"),
        ("xy", np.full((3, 7, 15, 2), np.nan, np.float32), "f.npz: expected finite xy"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, name, value, message):
    save_forecast(tmp_path / "f.npz", *_forecast(), PROVENANCE)
    with np.load(tmp_path / "f.npz") as file:
        arrays = {key: file[key] for key in file.files}
    np.savez(tmp_path / "f.npz", **(arrays | {name: value}))
    with pytest.raises(UserError, match=message):
        load_forecast(tmp_path / "f.npz")
