"""Hidden positions are filled from visible ones."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from straight_system import SIZE, grid_tracks

from kinecast.core.tracks import Tracks
from kinecast.forecast.guess import fill_hidden, nearest_seen


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0, 1))
def test_visible_positions_stay_and_all_are_finite_within_the_range_of_the_seen(seed, rate):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 40, (9, 12, 2)).astype(np.float32)
    visible = rng.random((9, 12)) < rate
    xy[~visible] = np.nan
    filled = fill_hidden(Tracks(xy=xy, visible=visible, size=SIZE))
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[visible], xy[visible])
    seen = visible.any(0)
    low, high = np.nanmin(xy[:, seen], axis=0), np.nanmax(xy[:, seen], axis=0)
    assert (filled[:, seen] >= low - 1e-4).all()
    assert (filled[:, seen] <= high + 1e-4).all()


def test_between_two_sightings_a_point_moves_straight_and_outside_it_rests():
    xy = np.full((7, 1, 2), np.nan, np.float32)
    xy[1, 0], xy[5, 0] = (10, 20), (18, 12)
    visible = np.zeros((7, 1), bool)
    visible[[1, 5]] = True
    filled = fill_hidden(Tracks(xy=xy, visible=visible, size=SIZE))
    expected = [(10, 20), (10, 20), (12, 18), (14, 16), (16, 14), (18, 12), (18, 12)]
    np.testing.assert_allclose(filled[:, 0], expected, atol=1e-5)


def test_a_point_never_seen_stays_where_it_was_laid():
    tracks = grid_tracks(3)
    hidden = replace(tracks, visible=np.zeros_like(tracks.visible))
    laid = tracks.grid.points().reshape(-1, 2)
    assert np.array_equal(fill_hidden(hidden), np.tile(laid, (3, 1, 1)))
    scattered = fill_hidden(replace(hidden, grid=None))
    assert (scattered == np.array(SIZE) / 2).all()


def test_nearest_seen_counts_to_the_ends():
    visible = np.array([[False, True], [True, False], [False, False]])
    before, after = nearest_seen(visible)
    assert before.tolist() == [[-1, 0], [1, 0], [1, 0]]
    assert after.tolist() == [[1, 0], [1, 3], [3, 3]]
