"""Open vessels that hold things: crates and bowls, of convex parts."""

from typing import Any

import numpy as np

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import Vector, solid, turned

_STAVES = 16
_THICK = 0.02


def crate(body: Any, half: Vector, tall: float, rgb: Vector) -> None:
    """A box without a lid, its bottom at the body's origin; `half` (2,): half width inside."""
    x, y = half
    t = _THICK / 2
    solid(body, "box", (x + 2 * t, y + 2 * t, t), rgb, position=(0, 0, t))
    for side in (-1, 1):
        solid(body, "box", (t, y + 2 * t, tall / 2), rgb, position=(side * (x + t), 0, tall / 2))
        solid(body, "box", (x, t, tall / 2), rgb, position=(0, side * (y + t), tall / 2))


def bowl(body: Any, foot: float, rim: float, tall: float, rgb: Vector) -> None:
    """A round vessel of staves, its bottom at the body's origin, of radius `foot` to `rim`."""
    t = _THICK / 2
    lean = np.arctan2(rim - foot, tall)
    wide = max(rim, foot) * np.tan(np.pi / _STAVES) + t
    solid(body, "cylinder", (foot, t), rgb, position=(0, 0, t))
    for turn in 2 * np.pi * np.arange(_STAVES) / _STAVES:
        middle = (foot + rim) / 2 + t
        quat = np.empty(4)
        mujoco.mju_mulQuat(quat, turned((0, 0, 1), turn), turned((0, 1, 0), lean))
        solid(body, "box", (t, wide, tall / np.cos(lean) / 2), rgb, quat=quat,
              position=(middle * np.cos(turn), middle * np.sin(turn), tall / 2))  # fmt: skip
