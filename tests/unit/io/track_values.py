"""Random tracks for the tests of files."""

import numpy as np

from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

SIZE = (80, 48)


def random_tracks(seed=0, frames=5, *, bare=False, grid=None):
    """Tracks with hidden points (some of them not finite); `bare` has no optional field."""
    rng = np.random.default_rng(seed)
    grid = grid or Grid.over(SIZE, 16.0)
    xy = rng.uniform(-20, 100, (frames, grid.count, 2)).astype(np.float32)
    visible = rng.random((frames, grid.count)) < 0.7
    visible[2 % frames] = True
    xy[0, ~visible[0]] = np.nan
    if bare:
        return Tracks(xy, visible, SIZE)
    return Tracks(
        xy,
        visible,
        SIZE,
        query_frame=np.full(grid.count, 2 % frames, np.int64),
        confidence=rng.random((frames, grid.count)).astype(np.float32),
        fps=30000 / 1001,
        grid=grid,
        source={"tracker": "flow", "seed": seed, "note": "größer"},
    )


def same(a, b):
    """Whether two Tracks are equal in every field, bit by bit."""
    arrays = ("xy", "visible", "query_frame", "confidence")
    fields = ("size", "fps", "grid", "source")
    for name in arrays:
        x, y = getattr(a, name), getattr(b, name)
        if (x is None) != (y is None) or (x is not None and x.dtype != y.dtype):
            return False
        if x is not None and not np.array_equal(x, y, equal_nan=x.dtype.kind == "f"):
            return False
    return all(getattr(a, name) == getattr(b, name) for name in fields)
