"""Where a hand that comes from above can take hold of a thing.

A grasp is a place and a closing direction such that the thing's material lies between the finger
pads, the open fingers come down beside it on free ground, and the palm stays above everything.
That covers boxes and cans, held across, and bowls and mugs, held by the rim.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from kinecast.data.libero.hand import (
    FINGER,
    OPENING,
    PALM,
    PALM_HEIGHT,
    TIP,
    nearest_yaw,
)
from kinecast.data.libero.relief import Relief, turned

_YAWS = 12  # closing directions that are tried
_PLACES = 160  # places that are tried
_DEPTH = 0.030  # how far the fingertips reach below the top of what they hold
_ENGAGED = 0.010  # what they must reach at least
_SLANTED = 0.0065  # between the halves of a pad, about 30 degrees: friction holds no more
_CLEAR = 0.004  # between fingertips and what lies under them
_WIDEST = OPENING - 0.012  # what is held is at most this wide: room to miss by


@dataclass(frozen=True, eq=False)
class Grasp:
    """A pose of the hand, pointing down.

    Attributes:
        position: of the point between the finger pads, metres, in the world's frame.
        yaw: closing direction, radians.
        cost: lower is better.
    """

    position: Float64[np.ndarray, " 3"]
    yaw: float
    cost: float


def grasps(
    relief: Relief,
    centre: Float64[np.ndarray, " 2"],
    base: Float64[np.ndarray, " 2"],
    yaw: float,
) -> list[Grasp]:
    """Grasps of the relief's own object, best first.

    Args:
        relief: heights around it.
        centre: xy of its middle: held there it does not tilt.
        base: xy of the arm's foot: held on the near side, the arm carries it farther.
        yaw: closing direction of the hand now; less turning is better.
    """
    return sorted(_possible(relief, centre, base, yaw), key=lambda grasp: grasp.cost)


def _possible(
    relief: Relief,
    centre: Float64[np.ndarray, " 2"],
    base: Float64[np.ndarray, " 2"],
    yaw: float,
) -> Iterator[Grasp]:
    outward = (centre - base) / np.linalg.norm(centre - base)
    cells = relief.xy()[relief.own]
    for place in cells[:: max(1, len(cells) // _PLACES)]:
        patch = relief.around(place, PALM[0] + PALM[1])
        xy = patch.xy() - place
        for turn in np.arange(_YAWS) * (np.pi / _YAWS):
            closing = nearest_yaw(float(turn), yaw)
            held = _hold(patch, *turned(xy, closing))
            if held is None:
                continue
            along = np.array([np.cos(closing), np.sin(closing)])
            position = np.array([*(place + held.middle * along), held.tip + TIP])
            off = position[:2] - centre
            cost = (
                (float(np.linalg.norm(off)) + float(off @ outward)) / 0.05
                + abs(closing - yaw) / np.pi
                + (_DEPTH - held.depth) / _DEPTH
                + 0.5 * held.width / OPENING
                + held.slant / _SLANTED
            )
            yield Grasp(position, closing, cost)


class _Hold(NamedTuple):
    """What is between the fingers, metres: its middle and width along the closing direction, how
    far the fingertips reach below its top, their height, and how slanted its sides are.
    """

    middle: float
    width: float
    depth: float
    tip: float
    slant: float


def _hold(
    patch: Relief, a: Float64[np.ndarray, "n m"], b: Float64[np.ndarray, "n m"]
) -> _Hold | None:
    """What a hand at the middle of the patch would hold; None if it cannot.

    Args:
        patch: heights; its own object is what should be held.
        a, b: coordinates of its cells along the closing direction and across.
    """
    strip = (np.abs(a) <= OPENING / 2) & (np.abs(b) <= FINGER[1])
    beside = (np.abs(np.abs(a) - OPENING / 2 - FINGER[0]) <= FINGER[0]) & (np.abs(b) <= FINGER[1])
    top = patch.highest(strip & patch.own)
    tip = max(top - _DEPTH, patch.highest(beside) + _CLEAR)
    held = strip & (patch.height > tip + _CLEAR)
    if top - tip < _ENGAGED or not held.any() or not patch.own[held].all():
        return None
    low, high = float(a[held].min()), float(a[held].max())
    if high - low > _WIDEST or abs(low + high) > 2 * patch.cell:
        return None
    if patch.highest((np.abs(a) <= PALM[0]) & (np.abs(b) <= PALM[1])) > tip + PALM_HEIGHT:
        return None
    slant = _slant(a, held & (b <= 0), held & (b >= 0))
    if slant > _SLANTED:
        return None
    return _Hold(0.5 * (low + high), high - low, top - tip, tip, slant)


def _slant(
    a: Float64[np.ndarray, "n m"], one: Bool[np.ndarray, "n m"], other: Bool[np.ndarray, "n m"]
) -> float:
    """How unlike both halves of the strip end, metres: 0 where the pads meet faces squarely."""
    if not one.any() or not other.any():
        return np.inf
    return float(max(abs(a[one].min() - a[other].min()), abs(a[one].max() - a[other].max())))
