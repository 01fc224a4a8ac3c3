"""Tracks keep their promises, and say which one is broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

SIZE = (80, 48)


def _tracks(frames=6, points=4, **changes):
    rng = np.random.default_rng(0)
    values = {
        "xy": rng.uniform(0, 48, (frames, points, 2)).astype(np.float32),
        "visible": np.ones((frames, points), bool),
        "size": SIZE,
    }
    return Tracks(**(values | changes))


def test_defaults():
    tracks = _tracks()
    assert (len(tracks), tracks.count) == (6, 4)
    assert tracks.query_frame.tolist() == [-1] * 4
    assert (tracks.confidence, tracks.fps, tracks.grid, dict(tracks.source)) == (None,) * 3 + ({},)


def _with_nan():
    xy = np.zeros((6, 4, 2), np.float32)
    xy[3, 2, 1] = np.nan
    return xy


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": _with_nan()}, r"got \[0\.0, nan\] at frame 3, point 2 \(1 such\); mark these"),
        ({"query_frame": np.array([0, 1, 6, 0])}, r"query_frame in \[-1, 6\), got \[0, 1, 6, 0\]"),
        ({"query_frame": np.array([0, -2, 0, 0])}, r"query_frame in \[-1, 6\)"),
        ({"grid": Grid(2, 3, 16.0, (8.0, 8.0))}, "expected 6 points for a 2x3 grid, got 4"),
        ({"fps": 0.0}, "expected fps > 0"),
        ({"fps": float("nan")}, "expected fps > 0"),
        ({"size": (80, 0)}, r"expected size = \(W, H\)"),
    ],
)
def test_values_that_break_a_promise(changes, message):
    with pytest.raises(UserError, match=message):
        _tracks(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.zeros((6, 4, 2))}, r"expected xy float32 \(T, N, 2\), got float64 \(6, 4, 2\)"),
        ({"xy": np.zeros((6, 4, 3), np.float32)}, r"got float32 \(6, 4, 3\)"),
        ({"xy": np.zeros((6, 4), np.float32)}, r"got float32 \(6, 4\)"),
        ({"visible": np.ones((6, 5), bool)}, r"expected visible bool \(6, 4\), got bool \(6, 5\)"),
        ({"visible": np.ones((6, 4))}, "expected visible bool .* got float64"),
        ({"query_frame": np.zeros(4, np.int32)}, "expected query_frame int64 .* got int32"),
        ({"confidence": np.zeros((6, 4))}, "expected confidence float32 .* got float64"),
    ],
)
def test_wrong_shapes_and_types_are_named_without_the_type_checker(changes, message):
    broken = object.__new__(Tracks)
    for name, value in vars(_tracks()).items():
        object.__setattr__(broken, name, changes.get(name, value))
    with pytest.raises(UserError, match=message):
        broken.__post_init__()


def test_hidden_points_may_be_anything():
    visible = np.ones((6, 4), bool)
    visible[3, 2] = False
    assert np.isnan(_tracks(xy=_with_nan(), visible=visible).xy[3, 2, 1])


def test_a_point_is_visible_at_its_query_frame():
    visible = np.ones((6, 4), bool)
    visible[1, 0] = False
    _tracks(visible=visible, query_frame=np.array([0, 1, 1, 1]))
    with pytest.raises(UserError, match="visible at its query frame"):
        _tracks(visible=visible, query_frame=np.array([1, 1, 1, 1]))


@given(cut=st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda c: c[0] < c[1]))
def test_a_window_is_a_view_with_its_query_frames(cut):
    start, stop = cut
    confidence = np.full((6, 4), 0.5, np.float32)
    tracks = _tracks(
        query_frame=np.array([0, 2, 5, -1]), confidence=confidence, fps=25.0, source={"a": 1}
    )
    part = tracks.window(start, stop)
    assert part.xy.base is tracks.xy
    np.testing.assert_array_equal(part.xy, tracks.xy[start:stop])
    assert len(part.confidence) == len(part) == stop - start
    expected = [q - start if start <= q < stop else -1 for q in (0, 2, 5, -1)]
    assert part.query_frame.tolist() == expected
    assert (part.fps, part.source, part.size) == (25.0, {"a": 1}, SIZE)


@pytest.mark.parametrize("cut", [(-1, 3), (3, 3), (4, 2), (0, 7)])
def test_windows_that_leave_the_tracks(cut):
    with pytest.raises(UserError, match=r"expected 0 <= start < stop <= 6 frames, got \["):
        _tracks().window(*cut)


def test_split_keeps_every_frame():
    tracks = _tracks()
    past, future = tracks.split(4)
    assert (len(past), len(future)) == (4, 2)
    np.testing.assert_array_equal(np.concatenate([past.xy, future.xy]), tracks.xy)


def test_resizing_keeps_the_grid_only_with_the_shape_of_the_frame():
    tracks = _tracks(points=15, grid=Grid.over(SIZE, 16.0))
    double = tracks.resized((160, 96))
    assert double.grid == Grid.over((160, 96), 32.0)
    np.testing.assert_allclose(double.xy, 2 * tracks.xy)
    np.testing.assert_allclose(double.normalized(), tracks.normalized(), atol=1e-6)
    squeezed = tracks.resized((40, 96))
    assert (squeezed.grid, squeezed.size) == (None, (40, 96))
    np.testing.assert_allclose(squeezed.xy, tracks.xy * [0.5, 2.0])


@given(a=st.tuples(st.integers(1, 900), st.integers(1, 900)))
def test_resized_there_and_back_is_the_same(a):
    tracks = _tracks()
    np.testing.assert_allclose(tracks.resized(a).resized(SIZE).xy, tracks.xy, rtol=1e-5)


def test_inside_and_normalized():
    xy = np.array([[[79, 47], [47, 79]]], np.float32)  # x and y matter on a wide frame
    tracks = Tracks(xy, np.ones((1, 2), bool), SIZE)
    assert tracks.inside().tolist() == [[True, False]]
    np.testing.assert_allclose(tracks.normalized()[0, 0], [2 * 79 / 80 - 1, 2 * 47 / 48 - 1])
