"""Colours by place."""

import numpy as np
from moving_dots import GRID, SIZE, moving

from kinecast.core.tracks import Tracks
from kinecast.viz.colours import point_colours, track_colours


def test_neighbours_look_alike_and_far_points_do_not():
    colours = point_colours(GRID.points().reshape(-1, 2), SIZE).astype(int)
    table = colours.reshape(GRID.h, GRID.w, 3)
    assert np.abs(np.diff(table, axis=1)).max() < 130
    assert np.abs(np.diff(table, axis=0)).max() < 40
    left, middle, right = table[3, 0], table[3, 5], table[3, 9]
    for a, b in ((left, middle), (middle, right), (left, right)):
        assert np.abs(a - b).max() > 80


def test_no_colour_is_dark_or_grey():
    colours = point_colours(GRID.points().reshape(-1, 2), SIZE).astype(int)
    assert colours.max(axis=1).min() > 150
    assert (colours.max(axis=1) - colours.min(axis=1)).min() > 70


def test_the_colour_of_a_point_is_that_of_where_it_was_laid():
    tracks = moving(5)
    by_grid = track_colours(tracks)
    np.testing.assert_array_equal(by_grid, point_colours(GRID.points().reshape(-1, 2), SIZE))
    np.testing.assert_array_equal(track_colours(tracks.window(3, 5)), by_grid)


def test_scattered_points_take_their_first_visible_place():
    xy = np.array([[[np.nan, 0], [10, 10]], [[150, 90], [140, 10]]], np.float32)
    tracks = Tracks(xy, np.array([[False, True], [True, True]]), SIZE)
    expected = point_colours(np.array([[150.0, 90.0], [10.0, 10.0]]), SIZE)
    np.testing.assert_array_equal(track_colours(tracks), expected)


def test_points_off_the_frame_and_unknown_ones_have_a_colour():
    colours = point_colours(np.array([[-500.0, 5.0], [np.nan, np.nan]]), SIZE)
    np.testing.assert_array_equal(colours[0], point_colours(np.array([[0.0, 5.0]]), SIZE)[0])
    assert colours.shape == (2, 3)
