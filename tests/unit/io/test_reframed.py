"""Crops: the largest middle part of another shape, for pictures and points alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core.video import ArraySource, Video
from kinecast.io.reframed import Crop, cropped


@pytest.mark.parametrize(
    ("source", "target", "corner", "part"),
    [
        ((1920, 1080), (832, 480), (24, 0), (1872, 1080)),
        ((480, 640), (512, 512), (0, 80), (480, 480)),
        ((832, 480), (832, 480), (0, 0), (832, 480)),
    ],
)
def test_the_middle_of_the_frame(source, target, corner, part):
    crop = Crop.to(source, target)
    assert (crop.corner, crop.size, crop.target) == (corner, part, target)
    assert crop.lost(source) == pytest.approx(1 - part[0] * part[1] / (source[0] * source[1]))


@given(*[st.integers(1, 300)] * 4)
def test_the_corners_of_the_part_are_the_corners_of_the_picture(W, H, w, h):
    crop = Crop.to((W, H), (w, h))
    (x, y), (a, b) = crop.corner, crop.size
    assert 0 <= x <= x + a <= W
    assert 0 <= y <= y + b <= H
    got = crop.points(np.array([[x, y], [x + a, y + b]], float))
    np.testing.assert_allclose(got, [[0, 0], [w, h]], atol=1e-9)


def test_a_spot_is_where_its_point_goes():
    frames = np.zeros((2, 60, 100, 3), np.uint8)
    frames[1, 20:24, 60:64] = 255  # its middle is (62, 22)
    crop = Crop.to((100, 60), (120, 120))
    video = cropped(Video(ArraySource(frames, 5.0)), crop)
    assert (video.size, len(video), video.fps) == ((120, 120), 2, 5.0)
    rows, columns = np.nonzero(video[1:2][0, ..., 0] > 127)
    middle = [columns.mean() + 0.5, rows.mean() + 0.5]
    np.testing.assert_allclose(middle, crop.points(np.array([62.0, 22.0])), atol=0.01)
    assert not video[0:1].any()
