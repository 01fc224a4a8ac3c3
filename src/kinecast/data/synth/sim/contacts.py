"""How bodies touch: friction and bounce of pairs of materials.

MuJoCo has no coefficient of restitution. A contact is a spring and a damper that can push but not
pull; the damper is chosen here so that a body that hits with speed v leaves with speed e v. As in
Bullet, which Kubric simulates with, friction and restitution of a pair are products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from kinecast.core.errors import UserError
from kinecast.data.synth.sim.engine import mujoco

TIMESTEP = 0.0005  # seconds: a contact lasts about 15 ms; restitution is kept within 0.02
_FREQUENCY = 200.0  # rad/s of the undamped contact
_IMPEDANCE = 0.99  # share of the contact's acceleration that the spring and damper decide


@dataclass(frozen=True)
class Material:
    """Attributes: sliding friction and restitution (shares of a pair's product), density kg/m3."""

    friction: float
    restitution: float
    density: float = 1000.0


def solref(restitution: float) -> list[float]:
    """MuJoCo's solref (-stiffness, -damping) of a contact that keeps `restitution` of the speed.

    Source: Schwager and Poeschel, Granular Matter 9 (2007): a damped spring that cannot pull.

    Raises:
        UserError: the restitution is not in [0, 1].
    """
    if not 0 <= restitution <= 1:
        raise UserError(f"expected a restitution in [0, 1], got {restitution}")
    lo, hi = 0.0, 1.0  # share of critical damping; restitution falls as it rises
    for _ in range(60):
        middle = 0.5 * (lo + hi)
        lo, hi = (middle, hi) if _kept(middle) > restitution else (lo, middle)
    return [-(_FREQUENCY**2), -2 * lo * _FREQUENCY]


def simulation(spec: Any) -> None:
    """Set the solver of a world whose contacts are made here."""
    spec.option.timestep = TIMESTEP
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC  # a pyramid couples bounce and friction
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.impratio = 10.0  # friction is stiff: no creep


def touch(spec: Any, bodies: Sequence[tuple[Sequence[str], Material]]) -> None:
    """Let geoms of different bodies collide, pair by pair; give them contype = conaffinity = 0.

    Args:
        bodies: names of the geoms, and the material, of each body.
    """
    for (one, a), (other, b) in combinations(bodies, 2):
        pair = contact(a, b)
        for first in one:
            for second in other:
                spec.add_pair(geomname1=first, geomname2=second, **pair)


def contact(a: Material, b: Material) -> Mapping[str, Any]:
    """Arguments of MjSpec.add_pair for two materials."""
    slide = a.friction * b.friction
    return {
        "condim": 3,
        "friction": [slide, slide, 0.0, 0.0, 0.0],
        "solref": solref(a.restitution * b.restitution),
        "solreffriction": [0.02, 1.0],
        "solimp": [_IMPEDANCE, _IMPEDANCE, 0.001, 0.5, 2.0],
    }


def _kept(damping: float) -> float:
    """Restitution of a damped spring that cannot pull, for a share of critical damping."""
    if damping >= 1:
        return 0.0
    turn = np.sqrt(1 - damping**2)
    # the phase at which the force falls to zero
    phase = np.arctan2(2 * damping * turn, 1 - 2 * damping**2)
    return float(np.exp(-damping / turn * (np.pi - phase)))
