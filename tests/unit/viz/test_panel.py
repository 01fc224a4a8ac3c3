"""Panels: what is prominent, and how large a picture is."""

import numpy as np
import pytest
from moving_dots import GRID, MOVES, SIZE, moving

from kinecast.core.tracks import Tracks
from kinecast.viz.panel import LARGEST, SMALLEST, Panel, prominence

ONE = np.full((1, 3), 200, np.uint8), np.ones(1)


def test_what_moves_is_prominent_and_what_rests_is_quiet():
    weight = prominence(moving(10), moving(10, start=10))
    assert (weight[MOVES] > 0.9).all()
    assert (weight[~MOVES] == 0).all()


def test_what_moves_with_the_camera_is_quieter_than_what_moves_alone():
    xy = np.tile(GRID.points().reshape(1, -1, 2), (20, 1, 1))
    pan = np.arange(20, dtype=np.float32)[:, None] * [3.0, 1.0]
    xy = (xy * (1 + 0.01 * np.arange(20)[:, None, None]) + pan[:, None]).astype(np.float32)
    alone = np.zeros(GRID.count, bool)
    alone[[23, 24, 33]] = True
    xy[:, alone, 1] -= 2 * np.arange(20, dtype=np.float32)[:, None]
    weight = prominence(Tracks(xy, np.ones(xy.shape[:2], bool), SIZE))
    assert weight[alone].min() > 0.9
    assert weight[~alone].max() < 0.5


def test_hidden_points_do_not_count_wherever_they_are():
    tracks = moving(10)
    xy, visible = tracks.xy.copy(), tracks.visible.copy()
    visible[5:, 0], xy[5:, 0] = False, np.nan
    visible[5:, 1], xy[5:, 1] = False, 1e6
    visible[:, 2] = False
    weight = prominence(Tracks(xy, visible, SIZE))
    assert np.isfinite(weight).all()
    assert weight[:3].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("size", "image"),
    [
        ((832, 480), (832, 480)),
        ((3840, 2160), (LARGEST, 468)),
        ((1080, 1920), (468, LARGEST)),
        ((160, 96), (SMALLEST, 250)),
    ],
)
def test_pictures_have_a_viewable_size(size, image):
    panel = Panel(size, *ONE)
    assert panel.size == image
    assert panel.picture(np.zeros((size[1], size[0], 3), np.uint8)).shape == (*image[::-1], 3)


@pytest.mark.parametrize("size", [(1, 1), (4097, 3), (3, 4097), (5, 7)])
def test_thin_and_tiny_videos_are_centred_in_an_even_panel(size):
    panel = Panel(size, *ONE)
    picture = panel.picture(np.full((size[1], size[0], 3), 255, np.uint8))
    assert picture.shape == (panel.size[1], panel.size[0], 3)
    assert panel.size[0] % 2 == 0
    assert panel.size[1] % 2 == 0
    assert min(panel.size) >= 96
    middle = panel.place(np.asarray(size, np.float32)[None] / 2)[0]
    np.testing.assert_allclose(middle, np.asarray(panel.size) / 2, atol=1)
    assert picture[int(middle[1]), int(middle[0])].min() > 250


def test_points_land_where_the_scaled_picture_shows_them():
    size = (1600, 900)
    frame = np.zeros((900, 1600, 3), np.uint8)
    frame[600:608, 1200:1208] = 255
    panel = Panel(size, *ONE)
    x, y = panel.place(np.array([[1204.0, 604.0]], np.float32))[0]
    picture = panel.picture(frame)[..., 0].astype(float)
    rows, columns = np.indices(picture.shape)
    assert np.average(columns + 0.5, weights=picture) == pytest.approx(x, abs=0.1)
    assert np.average(rows + 0.5, weights=picture) == pytest.approx(y, abs=0.1)
