"""Small cases, contestants whose forecast is known, and what a run's table holds."""

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.results import read
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

SIZE = (96, 64)
GRID = Grid.over(SIZE, 8.0)  # 8 x 12 points
SQUARE = Grid(6, 6, 10.0, (5.0, 5.0))


def gliding(frames, velocity=(1.0, 0.5), grid=GRID, hidden=()):
    """A grid that moves as one; `hidden` are points that are never seen after their first frame."""
    time = np.arange(frames, dtype=np.float32)[:, None, None]
    xy = grid.points().reshape(1, -1, 2) + time * np.float32(velocity)
    visible = np.ones(xy.shape[:2], bool)
    visible[1:, list(hidden)] = False
    return Tracks(
        xy=xy.astype(np.float32),
        visible=visible,
        size=SIZE,
        query_frame=np.zeros(grid.count, np.int64),
        grid=grid,
    )


def case(history=6, future=8, name="glide", **options):
    """A history and a future of one motion."""
    tracks = gliding(history + future, **{k: options.pop(k) for k in MOTION if k in options})
    seen, truth = tracks.split(history)
    return Case(name, options.pop("group", "glides"), seen, (truth,), **options)


MOTION = ("velocity", "grid", "hidden")


class Shifted:
    """Forecasts the truth, each sample off by so many pixels along x."""

    def __init__(self, *offsets, name="shifted", visible=None):
        self.name, self.offsets, self.visible = name, offsets, visible
        self.asked = []

    def facts(self):
        return {"kind": "test"}

    def refuses(self, case):
        return None

    def forecast(self, case, k, seed):
        self.asked.append((case.id, k, seed))
        return [self._one(case.truth, offset) for offset in self.offsets[:k]]

    def _one(self, truth, offset):
        xy = truth.xy + np.float32([offset, 0])
        visible = (
            truth.visible if self.visible is None else np.full_like(truth.visible, self.visible)
        )
        return Tracks(xy, visible, truth.size, grid=truth.grid)


def table(folder):
    """All that a run found but what it cost, as bytes."""
    run = read(folder)
    rows = {
        (row.model, row.case): (
            row.skipped,
            row.group,
            dict(row.result.scalars),
            dict(row.result.absent),
            _bytes(row.result.curves),
            _bytes(row.result.features),
            None if row.result.paths is None else row.result.paths.tobytes(),
        )
        for row in run.rows
    }
    cases = {
        name: (
            dict(facts.scalars),
            facts.opponent,
            _bytes(facts.features),
            _bytes(facts.curves),
            facts.truth.tobytes(),
            facts.jpeg,
        )
        for name, facts in run.cases.items()
    }
    return rows, cases


def _bytes(arrays):
    return {name: (a.shape, a.tobytes()) for name, a in arrays.items()}
