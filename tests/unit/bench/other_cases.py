"""Cases with known motion, and what other methods would have written for them."""

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.contestant import contestant
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

SIZE = (80, 48)  # not square: swapped axes show
HISTORY, HORIZON, POINTS, SAMPLES = 3, 6, 5, 2
VELOCITY = np.array([1.5, -0.5])  # pixels a frame


def laid(count=POINTS, size=SIZE):
    """Points all over the frame, exact in float32."""
    xy = np.random.default_rng(1).uniform((0.1, 0.3), (0.7, 0.9), (count, 2)) * size
    return np.round(xy * 16) / 16


def paths(frames, start, velocity=VELOCITY):
    """(T, N, 2): everything moves by the velocity each frame; frame 0 is the start."""
    return start + np.arange(frames)[:, None, None] * np.asarray(velocity)


def case_of(xy, *, horizon=HORIZON, size=SIZE, fps=12.0, id="one/0003", grid=None, **fields):
    """A case of tracks (T, N, 2); the last `horizon` frames are its truth."""
    T, N = xy.shape[:2]
    seen = np.ones((T, N), bool)
    tracks = Tracks(xy.astype(np.float32), seen, size, np.zeros(N, np.int64), fps=fps, grid=grid)
    history, truth = tracks.split(T - horizon)
    return Case(id=id, group="some", history=history, truths=(truth,), **fields)


def moving(**fields):
    """Points that move by VELOCITY a frame."""
    return case_of(paths(HISTORY + HORIZON, laid()), **fields)


def gridded(stride=8.0, **fields):
    """The same of a grid of cell centres."""
    grid = Grid.over(SIZE, stride)
    points = grid.points().reshape(-1, 2)
    return case_of(paths(HISTORY + HORIZON, points), grid=grid, **fields)


def now(case):
    """Where the points are at the last seen moment."""
    return case.history.xy[-1].astype(np.float64)


def samples_from_now(case, count=SAMPLES):
    """(K, 1 + horizon, N, 2): sample k moves k + 1 times as fast; step 0 is now."""
    return np.stack([paths(case.horizon + 1, now(case), VELOCITY * (k + 1)) for k in range(count)])


def read(spec, case, k=8):
    """The futures (K, T, N, 2) of an `outputs:` or `videos:` spec."""
    (one,) = contestant(spec)
    assert one.refuses(case) is None
    futures = one.forecast(case, k, 0)
    for future in futures:
        assert (len(future), future.count, future.size) == (
            case.horizon, case.history.count, case.size,
        )  # fmt: skip
    return np.stack([future.xy for future in futures])
