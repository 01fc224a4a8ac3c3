"""Numbers that the published TrajLoom scripts gave (commit 063bf5b), on 12 frames of a 15x26 grid.

`metrics_edge` has frames in which nothing is visible. The smoothness numbers are of frames 2 to 11.
"""

from pathlib import Path

import numpy as np
import pytest

from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.metrics.reconstruction import vepe
from kinecast.metrics.smoothness import divcurl_energy, flow_tv

CASES = Path(__file__).parent / "cases" / "metrics"
GRID = Grid(15, 26, 32.0, (0.5, 0.5))


@pytest.mark.parametrize("name", ["metrics", "metrics_edge"])
def test_the_published_scripts_give_the_same_numbers(name):
    case = np.load(CASES / f"{name}.npz")
    size = (832, 480)
    truth = Tracks(xy=case["truth"], visible=case["visible"], size=size, grid=GRID)
    forecast = Tracks(xy=case["forecast"], visible=case["visible"], size=size, grid=GRID)
    assert vepe([(forecast, truth)]) == pytest.approx(float(case["vepe"]), rel=1e-6)
    field = Field.of(forecast.window(2, 12))
    assert flow_tv(field) == pytest.approx(float(case["flow_tv"]), rel=1e-6)
    assert divcurl_energy(field) == pytest.approx(float(case["divcurl_energy"]), rel=1e-6)
