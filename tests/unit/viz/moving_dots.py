"""A tiny scene for the tests of pictures: a still left half, points on the right move right."""

import numpy as np

from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video

SIZE = (160, 96)
GRID = Grid.over(SIZE, 16.0)
MOVES = (GRID.points()[..., 0] > 80).reshape(-1)


def grey_video(frames, size=SIZE, fps=20.0):
    array = np.full((frames, size[1], size[0], 3), 100, np.uint8)
    return Video(ArraySource(array, fps=fps), "grey")


def moving(frames, start=0, speed=1.5, visible=True):
    """Frames [start, start + frames) of points of the right half that move at `speed`."""
    xy = np.tile(GRID.points().reshape(1, -1, 2), (frames, 1, 1))
    xy[:, MOVES, 0] += speed * np.arange(start, start + frames, dtype=np.float32)[:, None]
    seen = np.full((frames, GRID.count), visible)
    return Tracks(xy, seen, SIZE, fps=20.0, grid=GRID)
