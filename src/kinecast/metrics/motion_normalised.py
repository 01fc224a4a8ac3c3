"""Smoothness and rigidity as shares of the motion, so that stillness wins nothing.

FlowTV, DivCurlE and LRTL all fall to 0 as motion does. Divided by the motion that was scored they
have no unit, do not change when all motion is scaled, and do not exist for a still field.
"""

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.grid_flow import mean_power
from kinecast.metrics.lrtl import rank_residual


def flow_tv_of_motion(field: Field) -> float:
    """FlowTV times stride over the mean speed: how much neighbours differ, in shares of speed.

    Raises:
        UserError: a field that does not move, and those of `flow_tv`.
    """
    return flow_tv(field) * field.stride / _moving(mean_power(field, 1))


def divcurl_of_motion(field: Field) -> float:
    """DivCurlE times stride^2 over the mean squared speed.

    Raises:
        UserError: a field that does not move, and those of `divcurl_energy`.
    """
    return divcurl_energy(field) * field.stride**2 / _moving(mean_power(field, 2))


def rank_residual_of_motion(xy: Float[np.ndarray, "t n 2"]) -> float:
    """An object's LRTL residual over the Frobenius norm of its way from the first frame, 0 to 1.

    Raises:
        UserError: an object that does not move, and those of `rank_residual`.
    """
    residual = rank_residual(xy)
    way = xy.astype(np.float64) - xy[:1]
    return residual / _moving(float(np.linalg.norm(way)))


def _moving(motion: float) -> float:
    if not motion > 0:
        raise UserError(
            "expected points that move, got none that do; a share of no motion is not a number"
        )
    return motion
