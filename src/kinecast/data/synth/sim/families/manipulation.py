"""A robot arm at a table does what a text says: pushes a thing some way, or lifts it.

Two views: "agentview", from in front of the robot, and "eye_in_hand". Left and right are those of
the agent's view.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from kinecast.core.errors import UserError
from kinecast.data.synth.sim.cameras import camera, field_of_view
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    WOOD,
    free_body,
    solid,
    stage,
    turned,
)  # fmt: skip
from kinecast.data.synth.sim.families.robot import (
    HOME,
    HOME_GRIP,
    OPEN,
    Key,
    add_arm,
    follow,
)  # fmt: skip
from kinecast.data.synth.sim.setup import CameraPath, Family, Setup, Shot, Thing
from kinecast.data.synth.sim.simulate import Poses, simulate

_TABLE = 0.5  # metres above the floor; the arm's foot is at its back edge, (0, 0, _TABLE)
_ROOM = np.array([[0.3, -0.22], [0.54, 0.22]])  # where things stand
_REACH = np.array([[0.24, -0.33], [0.62, 0.33]])  # where they may be pushed to
_WAYS = {
    "to the left": (0.0, -1.0), "to the right": (0.0, 1.0),
    "away from the robot": (1.0, 0.0), "towards the robot": (-1.0, 0.0),
}  # fmt: skip
_NAMED = ("red", "blue", "green", "yellow", "purple", "orange", "cyan", "white")
_SHORTEST, _LONGEST = 1.5, 4.0  # seconds that a script takes
_TRIES = 60


@dataclass(frozen=True)
class _Item:
    """A thing on the table: half sizes, place (2,) and turn."""

    name: str
    shape: str
    colour: str
    half: tuple[float, float, float]
    place: Float[np.ndarray, " 2"]
    yaw: float

    @property
    def words(self) -> str:
        return f"the {self.colour} {self.shape}"


@dataclass(frozen=True)
class _Task:
    """What to do with the item of a number; `way` (2,) is None for lifting."""

    text: str
    item: int
    way: Float[np.ndarray, " 2"] | None
    keys: tuple[Key, ...]


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    seconds = (shot.frames - 1) / shot.fps
    if seconds < _SHORTEST:
        raise UserError(
            f"a robot needs {_SHORTEST} s for a task, got {shot.frames} frames at {shot.fps} a "
            f"second; ask for {int(np.ceil(_SHORTEST * shot.fps)) + 1} frames or more"
        )
    items = _items(scene)
    setup = _world(scene, motion, shot, items)
    lift = motion.random() < 0.4
    for n in range(_TRIES):
        # things may stand so close that there is no way to push one
        task = _task(motion, items, min(seconds, _LONGEST), lift or n > _TRIES / 2)
        if task is None:
            continue
        tried = replace(
            setup, control=follow(setup.spec, task.keys), text=task.text,
            facts={"task": "lift" if task.way is None else "push", "item": items[task.item].name},
        )  # fmt: skip
        # the text must be true of what happens, so the physics is run before it is promised
        if _done(simulate(tried, shot.frames, shot.fps), items, task):
            return tried
    raise UserError(f"no task succeeded in {_TRIES} tries in this scene; use another seed")


def _items(scene: Generator) -> list[_Item]:
    """3 to 5 things that stand apart, each of its own colour."""
    items: list[_Item] = []
    colours = scene.permutation(_NAMED)
    wanted = int(scene.integers(3, 6))
    while len(items) < wanted:
        place = scene.uniform(*_ROOM)
        if any(np.linalg.norm(place - other.place) < 0.13 for other in items):
            continue
        shape = str(scene.choice(["cube", "block", "cylinder"]))
        half = scene.uniform(0.022, 0.029)
        sizes = {
            "cube": (half, half, half), "block": (half * scene.uniform(1.3, 1.7), half, half),
            "cylinder": (half, half, half * scene.uniform(0.9, 1.3)),
        }  # fmt: skip
        items.append(_Item(f"item_{len(items)}", shape, str(colours[len(items)]), sizes[shape],
                           place, scene.uniform(-0.7, 0.7)))  # fmt: skip
    return items


def _world(scene: Generator, motion: Generator, shot: Shot, items: Sequence[_Item]) -> Setup:
    spec = stage(scene, 1.0, step=0.002)
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10  # grasped things do not creep
    wood = np.clip(np.array(WOOD) * scene.uniform(0.6, 1.5), 0, 1)
    for half, at in (
        ((0.44, 0.5, 0.02), (0.32, 0.0, _TABLE - 0.02)),
        ((0.06, 0.06, _TABLE / 2 - 0.02), (0.4, 0.0, _TABLE / 2 - 0.02)),
    ):  # fmt: skip
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=half, pos=at,
                                rgba=[*wood, 1], friction=[0.6, 0.005, 0.0001])  # fmt: skip
    add_arm(spec, (0, 0, _TABLE))
    things = [Thing(("hand", "arm"), "robot")]
    for item in items:
        body = free_body(spec, item.name, (*item.place, _TABLE + item.half[2]),
                         turned((0, 0, 1), item.yaw))  # fmt: skip
        round_ = item.shape == "cylinder"
        solid(body, "cylinder" if round_ else "box", item.half[1:] if round_ else item.half,
              COLOURS[item.colour], density=500, friction=0.6)  # fmt: skip
        things.append(Thing((item.name,), item.shape, colour=item.colour))
    eye = np.array([1.0, 0.0, _TABLE + 0.55]) + scene.uniform(-0.06, 0.06, 3)
    agent = camera(motion, shot, eye, np.array([0.32, 0.0, _TABLE + 0.06]), name="agentview")
    wrist = CameraPath(
        "eye_in_hand", np.array([-0.07, 0.0, -0.01]), np.array([-0.02, 0.0, 0.15]),
        field_of_view(shot.size, focal=24.0), np.array([-1.0, 0.0, 0.0]), mount="hand",
    )  # fmt: skip
    return Setup(spec, (agent, wrist), tuple(things), positions=HOME)


def _task(motion: Generator, items: Sequence[_Item], seconds: float, lift: bool) -> _Task | None:
    """A thing to lift or push drawn at random, or None where there is no room to push it so."""
    number = int(motion.integers(len(items)))
    item = items[number]
    height = _TABLE + motion.uniform(0.1, 0.14)
    pace = motion.uniform(0.9, 1.0) * seconds
    x, y, z = HOME_GRIP
    start = Key(0, (x, y, z + _TABLE), 0, OPEN)

    def key(share: float, at: np.ndarray, up: float, yaw: float, opening: float) -> Key:
        return Key(share * pace, (at[0], at[1], up), yaw, opening)

    if lift:
        grasp = _TABLE + min(item.half[2], 0.026)
        away = item.place + motion.uniform(-0.08, 0.08, 2)
        raised = _TABLE + motion.uniform(0.14, 0.26)
        lifting = (
            start,
            key(0.32, item.place, height, item.yaw, OPEN),
            key(0.46, item.place, grasp, item.yaw, OPEN),
            key(0.6, item.place, grasp, item.yaw, 0.0),
            key(0.95, away, raised, motion.uniform(-0.7, 0.7), 0.0),
        )
        return _Task(f"lift {item.words}", number, None, lifting)
    words = str(motion.choice(list(_WAYS)))
    way = np.array(_WAYS[words])
    gap = np.hypot(*item.half[:2]) + 0.03  # from the item's middle to the shut fingers
    begin, end = item.place - gap * way, item.place + motion.uniform(0.1, 0.2) * way
    if not _free(begin, end + 0.03 * way, [o.place for n, o in enumerate(items) if n != number]):
        return None
    low = _TABLE + 0.026
    pushing = (
        start,
        key(0.32, begin, height, 0.0, 0.0),
        key(0.48, begin, low, 0.0, 0.0),
        key(0.92, end - (gap - 0.03) * way, low, 0.0, 0.0),
    )
    return _Task(f"push {item.words} {words}", number, way, pushing)


def _free(begin: np.ndarray, end: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    """Whether a push from `begin` to `end` stays in reach and clear of the other things."""
    if not (np.all(end > _REACH[0]) and np.all(end < _REACH[1]) and begin[0] < _REACH[1, 0]):
        return False
    share = np.linspace(0, 1, 20)[:, None]
    path = begin + share * (end - begin)
    return all(np.linalg.norm(path - other, axis=1).min() > 0.09 for other in others)


def _done(poses: Poses, items: Sequence[_Item], task: _Task) -> bool:
    """Whether the text is true at the end, and nothing else was displaced."""
    moved = np.array([
        poses.body_position[-1, poses.body(item.name)]
        - poses.body_position[0, poses.body(item.name)] for item in items
    ])  # fmt: skip
    mine, others = moved[task.item], np.delete(moved, task.item, axis=0)
    if np.abs(others).max() > 0.015:
        return False
    if task.way is None:
        return bool(mine[2] > 0.08)
    along = mine[:2] @ task.way
    across = np.linalg.norm(mine[:2] - along * task.way)
    return bool(along > 0.07 and across < 0.35 * along and abs(mine[2]) < 0.01)


ROBOT = Family(_draw, Shot(48, 12.0, (256, 256)))
