"""What needs no truth to compare with: how much the points move, and how smoothly and rigidly.

Stillness wins most of these; the ones named ..._of_motion are shares of the motion.
"""

from collections.abc import Callable

import numpy as np

from kinecast.bench.measures.judged import Judged
from kinecast.bench.measures.sheet import Sheet
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.boundary import position_jump, velocity_jump
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.grid_flow import mean_power
from kinecast.metrics.lrtl import RANK, lrtl
from kinecast.metrics.motion_normalised import (
    divcurl_of_motion,
    flow_tv_of_motion,
    rank_residual_of_motion,
)


def motion(sheet: Sheet, of: Judged) -> None:
    """Means over the samples. Motion counts where the truth is visible, as FVMD's does."""
    sheet.one("motion", lambda: _mean(_speed(of, xy) for xy in of.xy))
    for name, metric in _ON_A_GRID.items():
        sheet.one(name, lambda metric=metric: _mean(map(metric, of.fields())))
    sheet.one("lrtl", lambda: _objects(of, lambda xy, objects: list(lrtl(xy, objects).values())))
    sheet.one("lrtl_of_motion", lambda: _objects(of, _shares))
    jumps = {"position_jump": position_jump, "velocity_jump": velocity_jump}
    for name, jump in jumps.items():
        sheet.one(name, lambda jump=jump: _jump(of, jump))


_ON_A_GRID: dict[str, Callable[[Field], float]] = {
    "flow_tv": flow_tv,
    "divcurl": divcurl_energy,
    "divcurl_paper": lambda field: divcurl_energy(field, "paper"),
    "flow_tv_of_motion": flow_tv_of_motion,
    "divcurl_of_motion": divcurl_of_motion,
}


def _speed(of: Judged, xy: np.ndarray) -> float:
    """Pixels a frame; points in a row are a field, too."""
    row = Field(xy[:, None], of.truth.visible[:, None], of.truth.size, 1.0, (0.0, 0.0))
    return mean_power(row, 1)


def _objects(of: Judged, metric: Callable[[np.ndarray, np.ndarray], list[float]]) -> float:
    objects = of.case.objects
    if objects is None:
        raise UserError("expected the object that each point lies on, got none")
    return _mean(np.mean(metric(xy, objects)) for xy in of.from_start(of.xy))


def _shares(xy: np.ndarray, objects: np.ndarray) -> list[float]:
    """Of each object that LRTL counts."""
    names = [n for n in np.unique(objects[objects >= 0]) if (objects == n).sum() > RANK]
    if not names:
        raise UserError(f"expected an object of more than {RANK} points, got none")
    return [rank_residual_of_motion(xy[:, objects == name]) for name in names]


def _jump(of: Judged, jump: Callable[..., float]) -> float:
    known = of.truth.visible[0]
    return _mean(jump(of.case.history, future, known) for future in of.futures)


def _mean(values) -> float:  # type: ignore[no-untyped-def]
    return float(np.mean([float(value) for value in values]))
