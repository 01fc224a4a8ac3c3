"""Grids of points and the field view of tracks on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

sizes = st.tuples(st.integers(1, 4500), st.integers(1, 4500))


def test_the_published_grid_is_the_default():
    assert Grid.over((832, 480)) == Grid(15, 26, 32.0, (16.0, 16.0))


@given(size=sizes)
def test_default_grids_lie_in_the_frame_and_cover_it(size):
    grid = Grid.over(size)
    points = grid.points()
    assert points.shape == (grid.h, grid.w, 2)
    assert grid.count == grid.h * grid.w
    assert coords.inside(points, size).all()
    assert (np.asarray(size) - points[-1, -1] <= grid.stride).all()


@given(size=sizes.filter(lambda s: min(s) > 200 and max(s) < 4 * min(s)))
def test_default_grids_have_about_390_cells(size):
    assert 300 < Grid.over(size).count < 500


def test_points_are_row_major_xy():
    points = Grid(2, 3, 10.0, (5.0, 6.0)).points()
    assert points.dtype == np.float32
    assert points[0].tolist() == [[5, 6], [15, 6], [25, 6]]
    assert points[1, 2].tolist() == [25, 16]


@pytest.mark.parametrize("stride", [0.5, 0.0, -3.0, 96.0, float("nan"), float("inf")])
def test_strides_that_do_not_fit(stride):
    with pytest.raises(UserError, match="expected a stride from 1 to below 96 pixels on a 80x48"):
        Grid.over((80, 48), stride)


@pytest.mark.parametrize(("h", "w", "stride"), [(0, 2, 1.0), (2, 0, 1.0), (2, 2, 0.0)])
def test_grids_that_are_none(h, w, stride):
    with pytest.raises(UserError, match=r"a grid needs h >= 1, w >= 1 and stride > 0, got h="):
        Grid(h, w, stride, (0.0, 0.0))


def _tracks(grid, frames=4):
    xy = np.random.default_rng(0).uniform(0, 48, (frames, grid.count, 2)).astype(np.float32)
    visible = np.random.default_rng(1).random((frames, grid.count)) < 0.8
    return Tracks(xy, visible, (80, 48), grid=grid)


def test_a_field_is_an_exact_view_of_its_tracks():
    grid = Grid.over((80, 48), 16.0)
    tracks = _tracks(grid)
    field = Field.of(tracks)
    assert field.xy.shape == (4, 3, 5, 2)
    assert np.shares_memory(field.xy, tracks.xy)
    assert field.grid == grid
    np.testing.assert_array_equal(field.xy[2, 1, 3], tracks.xy[2, 1 * 5 + 3])
    back = field.tracks()
    np.testing.assert_array_equal(back.xy, tracks.xy)
    np.testing.assert_array_equal(back.visible, tracks.visible)
    assert back.grid == grid


def test_offsets_are_normalised_distances_from_the_anchors():
    grid = Grid.over((80, 48), 16.0)
    still = np.broadcast_to(grid.points().reshape(1, -1, 2), (3, grid.count, 2)).copy()
    still[1, :, 0] += 8  # a tenth of the frame to the right
    field = Field.of(Tracks(still, np.ones((3, grid.count), bool), (80, 48), grid=grid))
    np.testing.assert_allclose(field.offsets()[0], 0, atol=1e-6)
    np.testing.assert_allclose(field.offsets()[1, ..., 0], 0.2, atol=1e-6)
    np.testing.assert_allclose(field.offsets()[1, ..., 1], 0, atol=1e-6)


def test_scattered_points_have_no_field():
    tracks = Tracks(np.zeros((2, 3, 2), np.float32), np.ones((2, 3), bool), (80, 48))
    with pytest.raises(UserError, match="expected tracks laid on a grid, got scattered points"):
        Field.of(tracks)


def test_shapes_of_a_field_agree():
    with pytest.raises((UserError, TypeError), match=r"visible|Type-check"):
        Field(
            np.zeros((2, 3, 4, 2), np.float32), np.ones((2, 3, 5), bool), (80, 48), 16.0, (8.0, 8.0)
        )
