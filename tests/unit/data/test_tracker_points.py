"""Trackers follow any points, as they follow those of a grid."""

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.video import ArraySource, Video
from kinecast.data.trackers import TRACKERS, get_tracker


def sliding(frames=4, size=(96, 64)):
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0] + frames, 3), np.uint8)
    world = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return Video(ArraySource(np.stack([world[:, t : t + size[0]] for t in range(frames)])))


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_the_points_of_a_grid_are_followed_as_the_grid_is(name):
    video, grid = sliding(), Grid.over((96, 64), 16.0)
    laid = get_tracker(name).track(video, grid=grid)
    free = get_tracker(name).track(video, points=grid.points().reshape(-1, 2))
    np.testing.assert_array_equal(laid.xy, free.xy)
    np.testing.assert_array_equal(laid.visible, free.visible)
    assert (laid.grid, free.grid) == (grid, None)


@pytest.mark.parametrize("name", ["chain", "lk"])  # flow goes by the company of many points
def test_a_single_point_is_followed(name):
    tracks = get_tracker(name).track(sliding(), points=np.array([[50.5, 30.25]], np.float32))
    np.testing.assert_allclose(tracks.xy[:, 0, 0], 50.5 - np.arange(4), atol=0.3)


def test_points_outside_or_beside_a_grid_are_refused():
    outside = np.array([[10.0, 64.0]], np.float32)
    with pytest.raises(UserError, match="expected every point inside the 96x64 frame"):
        get_tracker().track(sliding(), points=outside)
    with pytest.raises(UserError, match="a grid or points"):
        get_tracker().track(sliding(), points=outside, grid=Grid.over((96, 64), 16.0))
