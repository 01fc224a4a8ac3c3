"""An oracle that picks things up and puts them where a task wants them.

It knows what a policy does not: the poses of all things and their shapes. For each goal it plans a
grasp on the relief around the thing, goes there from above, closes, lifts, carries at a height that
clears everything on the way, lowers until the thing touches, lets go and withdraws. It is general
over tasks: the goals come from the task's BDDL file, everything else from the simulator.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from jaxtyping import Float64

from kinecast.data.libero.grasp import Grasp, grasps
from kinecast.data.libero.hand import (
    FINGER,
    OPENING,
    PALM,
    PALM_HEIGHT,
    TIP,
    Hand,
    downward,
    nearest_yaw,
    toward,
)
from kinecast.data.libero.relief import Relief

Action = Float64[np.ndarray, " 7"]
OPEN, CLOSE = -1.0, 1.0
ATTEMPTS = 4  # grasps of one thing

_FINE, _COARSE = 0.003, 0.01  # cells of reliefs, metres
_AROUND = 0.15  # half the patch that a grasp is planned on: the palm's reach
_ABOVE = 0.10  # of the grasp, where the hand turns before it comes down
_OVER = 0.03  # clearance of what is carried
_LIFT = 0.06  # after closing, to see whether the thing came along
_STRIDE = 0.03  # between the places at which the height of the way is chosen
_PASSING = 0.03  # metres at which a place on the way counts as passed
_NEAR, _TURNED = 0.006, 0.05  # metres and radians at which a pose counts as reached
_PATIENCE = 120  # steps for one movement
_STILL = 0.0006  # metres a step: slower than that, something is in the way
_START = 8  # steps in which the arm gathers speed
_GRIP, _RELEASE = 16, 12  # steps for the fingers to close, and to open
_LOWERING, _COMING_DOWN = 0.25, 0.6  # speeds


class Scene(Protocol):
    """What the oracle reads; `environment.Environment` is one."""

    def hand(self) -> Hand:
        """The hand now."""

    def base(self) -> Float64[np.ndarray, " 2"]:
        """The arm's foot, xy."""

    def position(self, name: str) -> Float64[np.ndarray, " 3"]:
        """Where a thing or a region is."""

    def bounds(self, name: str) -> Float64[np.ndarray, "2 3"]:
        """Lowest and highest corner of the box around a thing."""

    def relief(
        self,
        centre: Float64[np.ndarray, " 2"],
        half: float,
        cell: float,
        own: str | None = None,
        without: str | None = None,
    ) -> Relief:
        """Heights over a patch."""


def solve(scene: Scene, placements: Sequence[tuple[str, str]]) -> Iterator[Action]:
    """Actions that put every thing on or in its place; take one, act, take the next.

    It ends when all has been tried; whether the task is solved, the environment says. The scene is
    read anew before every action, so that what slips or is pushed is followed.
    """
    for thing, place in placements:
        for _ in range(ATTEMPTS):
            grasp = _plan(scene, thing)
            if grasp is None:
                return
            before = scene.bounds(thing)[0, 2]
            yield from _pick(scene, grasp)
            if scene.bounds(thing)[0, 2] > before + 0.5 * _LIFT:
                yield from _put(scene, thing, place)
                break
            yield from _fingers(scene, OPEN, _RELEASE)


def _plan(scene: Scene, thing: str) -> Grasp | None:
    low, high = scene.bounds(thing)
    centre = 0.5 * (low + high)[:2]
    half = 0.5 * float((high - low)[:2].max()) + _AROUND
    relief = scene.relief(centre, half, _FINE, own=thing)
    found = grasps(relief, centre, scene.base(), scene.hand().yaw)
    return found[0] if found else None


def _pick(scene: Scene, grasp: Grasp) -> Iterator[Action]:
    above = grasp.position + np.array([0.0, 0.0, _ABOVE])
    yield from _travel(scene, above, grasp.yaw, OPEN, None)
    yield from _reach(scene, grasp.position, grasp.yaw, OPEN, _COMING_DOWN)
    yield from _fingers(scene, CLOSE, _GRIP)
    up = grasp.position + np.array([0.0, 0.0, _LIFT])
    yield from _reach(scene, up, grasp.yaw, CLOSE)


def _put(scene: Scene, thing: str, place: str) -> Iterator[Action]:
    yaw = scene.hand().yaw
    above, lowest = _heights(scene, thing, place, yaw)
    yield from _travel(scene, _hand_for(scene, thing, place, above), yaw, CLOSE, thing)
    yield from _lower(scene, thing, place, lowest, yaw)
    yield from _fingers(scene, OPEN, _RELEASE)
    up = scene.hand().position + np.array([0.0, 0.0, _ABOVE])
    yield from _reach(scene, up, yaw, OPEN)


def _travel(
    scene: Scene, end: Float64[np.ndarray, " 3"], yaw: float, gripper: float, thing: str | None
) -> Iterator[Action]:
    """Across, as low as what lies on the way allows: high up, the arm does not reach far.

    Args:
        scene: where.
        end: position of the hand.
        yaw: closing direction.
        gripper: open or closed.
        thing: what the hand carries, or None.
    """
    start = scene.hand().position
    reach = np.full((2, 2), OPENING / 2 + 2 * FINGER[0]) * [[-1], [1]]  # of the fingers, xy
    below = TIP
    if thing is not None:
        box = scene.bounds(thing) - start
        below, reach = float(-box[0, 2]), box[:, :2]
    middle, half = 0.5 * (start + end)[:2], 0.5 * float(np.abs(end - start)[:2].max()) + _AROUND
    relief = scene.relief(middle, half, _COARSE, without=thing)
    cells = relief.xy()
    steps = 1 + int(np.linalg.norm((end - start)[:2]) / _STRIDE)
    way = start + (end - start) * np.linspace(0, 1, steps + 1)[:, None]
    for place in way:
        away = cells - place[:2]
        inside = (away >= reach[0] - _STRIDE) & (away <= reach[1] + _STRIDE)
        under = relief.highest(inside.all(-1)) + below
        palm = relief.highest((np.abs(away) <= PALM[0]).all(-1)) - PALM_HEIGHT + TIP
        place[2] = max(end[2], under + _OVER, palm + _OVER)
    for before, place in pairwise(way):
        height = max(before[2], place[2])
        if scene.hand().position[2] < height - _NEAR:  # first up, then on
            up = np.array([*scene.hand().position[:2], height])
            yield from _reach(scene, up, yaw, gripper)
        yield from _reach(scene, np.array([*place[:2], height]), yaw, gripper, near=_PASSING)
    yield from _reach(scene, end, yaw, gripper)


def _hand_for(scene: Scene, thing: str, place: str, height: float) -> Float64[np.ndarray, " 3"]:
    """Where the hand must be for what it holds to be over its place."""
    offset = scene.hand().position - scene.position(thing)
    return np.array([*(scene.position(place) + offset)[:2], height])


def _heights(scene: Scene, thing: str, place: str, yaw: float) -> tuple[float, float]:
    """Of the hand at the place: where the thing is just over all, and the lowest that it may go.

    That low, the fingers have room to open and the palm clears everything.
    """
    centre = _hand_for(scene, thing, place, 0.0)[:2]
    low, high = scene.bounds(thing)
    reach = max(PALM[0], float((high - low)[:2].max())) + _COARSE
    ground = scene.relief(centre, reach, _FINE, without=thing)
    under = (np.abs(ground.xy() - scene.position(place)[:2]) <= 0.5 * (high - low)[:2]).all(-1)
    fingers = ground.highest(ground.over(centre, yaw, OPENING / 2 + 2 * FINGER[0], FINGER[1]))
    palm = ground.highest(ground.over(centre, yaw, *PALM))
    lowest = max(fingers, palm - PALM_HEIGHT) + TIP + _NEAR
    hanging = scene.hand().position[2] - low[2]
    return max(lowest, ground.highest(under) + hanging + 0.5 * _OVER), lowest


def _lower(scene: Scene, thing: str, place: str, lowest: float, yaw: float) -> Iterator[Action]:
    """Down, until the thing touches something or the hand may go no lower."""
    slow = 0
    for step in range(_PATIENCE):
        before = scene.hand().position[2]
        target = _hand_for(scene, thing, place, lowest)
        if before - lowest < _NEAR:
            return
        yield toward(scene.hand(), target, downward(yaw), CLOSE, _LOWERING)
        slow = slow + 1 if before - scene.hand().position[2] < _STILL else 0
        if step > _START and slow >= 4:
            return


def _reach(
    scene: Scene,
    position: Float64[np.ndarray, " 3"],
    yaw: float,
    gripper: float,
    speed: float = 1.0,
    near: float = _NEAR,
) -> Iterator[Action]:
    """To within `near` metres of a pose, or as near as the arm comes."""
    slow = 0
    for step in range(_PATIENCE):
        hand = scene.hand()
        turn = abs(nearest_yaw(yaw, hand.yaw) - hand.yaw)
        away = float(np.linalg.norm(position - hand.position))
        if away < near and (turn < _TURNED or near > _NEAR):
            return
        yield toward(hand, position, downward(nearest_yaw(yaw, hand.yaw)), gripper, speed)
        moved = float(np.linalg.norm(scene.hand().position - hand.position))
        slow = slow + 1 if moved < _STILL and turn < _TURNED else 0
        if step > _START and slow >= 8:
            return


def _fingers(scene: Scene, gripper: float, steps: int) -> Iterator[Action]:
    """Open or close, the hand held where it is."""
    hand = scene.hand()
    for _ in range(steps):
        yield toward(scene.hand(), hand.position, hand.rotation, gripper)
