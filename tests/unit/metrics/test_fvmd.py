"""FVMD on motions whose histogram is known, its windows and masks, and its longest form."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_frechet import naive

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.fvmd import features, fvmd
from kinecast.metrics.fvmd_long import fvmd_long
from kinecast.metrics.fvmd_scene import fvmd_scene
from kinecast.metrics.fvmd_tracks import fvmd_tracks, windows
from kinecast.metrics.motion_histogram import acceleration, histogram, velocity

SIZE = (832, 480)


def grid(h, w):
    y, x = np.mgrid[:h, :w]
    return np.stack([x, y], -1).astype(np.float32) * 8 + 4


def panning(dx, dy, frames=4, h=5, w=5):
    """A grid that moves alike everywhere, pixels a frame."""
    t = np.arange(frames, dtype=np.float32)[:, None, None, None]
    return grid(h, w) + t * np.float32([dx, dy])


def walks(seed, *shape):
    """Points that walk at random, (..., t, h, w, 2)."""
    steps = np.random.default_rng(seed).normal(0, 2, (*shape, 2))
    return np.cumsum(steps, axis=-4).astype(np.float32)


def clips(seed, n, frames=8, side=5):
    return walks(seed, n, frames, side, side).reshape(n, frames, side * side, 2)


def field(xy, visible=None):
    visible = np.ones(xy.shape[:3], bool) if visible is None else visible
    return Field(xy, visible, SIZE, 32.0, (16.0, 16.0))


def moving_bin(dx, dy, rounding="floor_divide"):
    """The one bin that a pan fills, and its weight a vector."""
    h = histogram(velocity(panning(dx, dy)), rounding)[0, 0, 0]
    (bin_,) = np.flatnonzero(h)
    return int(bin_), h[bin_] / 75  # 25 points in 3 frames: the first one has no velocity


def test_directions_are_measured_from_the_y_axis():
    """Angles 22.5 degrees inside a bin: neither rounding matters."""
    s, c = np.sin(np.pi / 8), np.cos(np.pi / 8)
    for rounding in ("floor_divide", "floor"):
        assert moving_bin(2 * s, 2 * c, rounding)[0] == 4  # just right of down
        assert moving_bin(2 * c, 2 * s, rounding)[0] == 5
        assert moving_bin(-2 * s, 2 * c, rounding)[0] == 3
        assert moving_bin(-2 * s, -2 * c, rounding)[0] == 0


def test_a_level_pan_lies_on_a_border_where_the_published_codes_differ():
    assert (moving_bin(1, 0)[0], moving_bin(1, 0, "floor")[0]) == (5, 6)
    xy = panning(1, 0).astype(np.float64)
    assert np.flatnonzero(histogram(velocity(xy))[0, 0, 0]) == [6]


@pytest.mark.parametrize(
    ("length", "eighths"), [(1e-6, 1), (1, 1), (1.1, 2), (3, 2), (100, 7), (255, 8), (9999, 8)]
)
def test_weight_grows_with_the_logarithm_of_speed(length, eighths):
    xy = np.zeros((4, 5, 5, 2), np.float32)
    v = xy + np.float32([0.6 * length, 0.8 * length])
    assert histogram(v).sum() == pytest.approx(100 * eighths / 8)


def test_stillness_has_an_empty_histogram_and_steady_motion_no_acceleration():
    still = np.tile(grid(5, 5), (4, 1, 1, 1))
    assert not histogram(velocity(still)).any()
    v = velocity(panning(2, 1))
    assert histogram(v).any()
    assert not histogram(acceleration(v)).any()


def test_what_is_beyond_whole_cubes_is_left_out():
    xy = walks(0, 11, 13, 7)
    assert histogram(xy).shape == (2, 2, 1, 8)
    np.testing.assert_array_equal(histogram(xy), histogram(xy[:8, :10, :5]))
    assert histogram(xy[:3]).size == histogram(xy[:, :4]).size == 0


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 99))
def test_order_of_clips_and_points_beyond_the_cells_do_not_matter(seed):
    a, b = clips(seed, 5), clips(seed + 100, 4)
    expected = pytest.approx(fvmd(a, b), rel=1e-9)
    assert fvmd(np.random.default_rng(seed).permutation(a), b) == expected
    wide = walks(seed, 5, 8, 6, 6)  # the sixth row and column belong to no cell
    inner = wide[:, :, :5, :5].reshape(5, 8, 25, 2)
    assert fvmd(wide.reshape(5, 8, 36, 2), b) == pytest.approx(fvmd(inner, b), rel=1e-9)


def test_scenes_are_compared_one_by_one():
    a = np.stack([clips(0, 3), clips(1, 3)])
    b = np.stack([clips(2, 4), clips(3, 4)])
    scenes = fvmd_scene(a, b)
    assert scenes.each == [fvmd(a[0], b[0]), fvmd(a[1], b[1])]
    assert scenes.mean == pytest.approx(np.mean(scenes.each, axis=0))


def test_windows_know_nothing_of_the_frames_before_them():
    xy = walks(0, 19, 10, 11)
    found = windows(xy, np.ones(xy.shape[:3], bool), length=9, stride=3)
    for n, start in enumerate((0, 3, 6, 9)):
        v = velocity(xy[start : start + 9])
        np.testing.assert_array_equal(found.velocity[n], histogram(v, "floor").ravel())
        a = histogram(acceleration(v), "floor")
        np.testing.assert_array_equal(found.acceleration[n], a.ravel())
    assert len(found.velocity) == 4


def test_one_window_where_the_length_is_none_or_longer_than_the_video():
    xy = walks(0, 10, 5, 10)
    everywhere = np.ones(xy.shape[:3], bool)
    for length in (None, 10, 50):
        assert len(windows(xy, everywhere, length, stride=2).velocity) == 1


def test_motion_of_hidden_truth_does_not_count():
    truth, forecast = walks(0, 12, 5, 5), walks(1, 12, 5, 5)
    visible = np.ones((12, 5, 5), bool)
    visible[6, 2, 2] = False
    other, gone = forecast.copy(), truth.copy()
    other[6, 2, 2] += 50
    gone[6, 2, 2] = np.nan
    more = (field(walks(2, 12, 5, 5)), field(walks(3, 12, 5, 5)))
    expected = fvmd_tracks([(field(forecast), field(truth, visible)), more], 8, 2)
    changed = fvmd_tracks([(field(other), field(gone, visible)), more], 8, 2)
    assert changed == pytest.approx(expected)
    assert fvmd_tracks([(field(other), field(truth)), more], 8, 2) != pytest.approx(expected)


def test_the_long_form_is_one_window_a_video():
    pairs = [(field(walks(n, 81, 5, 10)), field(1.2 * walks(n + 9, 81, 5, 10))) for n in range(4)]
    whole = [windows(pair[i].xy, pair[i].visible, None) for i in (0, 1) for pair in pairs]
    ours, theirs = (np.concatenate([w.combined for w in whole[i : i + 4]]) for i in (0, 4))
    assert ours.shape == (4, 2 * 20 * 2 * 8)  # the 81st frame fills no block
    assert fvmd_long(pairs).combined == pytest.approx(naive(ours, theirs), rel=1e-5)


def test_the_long_form_of_128_clips_takes_seconds():
    pairs = [(field(walks(n, 81, 15, 26)), field(walks(n + 9, 81, 15, 26))) for n in range(2)]
    start = time.process_time()
    assert fvmd_long(pairs * 64).combined > 0  # 4,800 features of each
    assert time.process_time() - start < 10


def test_wrong_sets_say_what_is_wrong():
    a = clips(0, 3)
    with pytest.raises(UserError, match="square grid, got 24"):
        features(a[:, :, :24])
    with pytest.raises(UserError, match="at least 2 clips"):
        fvmd(a, a[:1])
    with pytest.raises(UserError, match="a clip 4 frames of 5 x 5 points"):
        fvmd(a[:, :1], a[:, :1])
    with pytest.raises(UserError, match="finite motion"):
        fvmd(np.where(a == a[0, 0, 0, 0], np.nan, a), a)
    with pytest.raises(UserError, match="same scenes, got 3 and 2"):
        fvmd_scene(a[:, None], a[:2, None])
    xy = walks(0, 8, 5, 5)
    hole = xy.copy()
    hole[3, 1, 1] = np.nan
    with pytest.raises(UserError, match="finite everywhere"):
        fvmd_tracks([(field(hole), field(xy))])
    with pytest.raises(UserError, match="finite motion"):
        fvmd_tracks([(field(xy), field(hole))])
    with pytest.raises(UserError, match="one shape"):
        fvmd_tracks([(field(xy[:4]), field(xy))])
    with pytest.raises(UserError, match="got 2 sizes"):
        fvmd_tracks([(field(xy), field(xy)), (field(xy[:4]), field(xy[:4]))])
    with pytest.raises(UserError, match="got 0 sizes"):
        fvmd_tracks([])
    with pytest.raises(UserError, match="at least 2 clips"):
        fvmd_long([(field(xy), field(xy))])
    with pytest.raises(UserError, match=">= 1, got 4 and 0"):
        windows(xy, np.ones(xy.shape[:3], bool), 4, 0)
    nothing = np.zeros(xy.shape[:3], bool)
    assert fvmd_tracks([(field(xy), field(xy, nothing))] * 2).combined == pytest.approx(0, abs=0.01)
