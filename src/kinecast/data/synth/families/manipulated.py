"""Objects that hands move: picked up, carried, turned, put down, with pauses."""

import math

import torch
from torch import Tensor

from kinecast.data.synth.bodies import clutter, limbs, solids
from kinecast.data.synth.camera import USUAL, View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.families.skeletons import upright
from kinecast.data.synth.motion import on_and_off, stop_and_go, wander
from kinecast.data.synth.scene import Scene, Stage, join

OBJECTS = 4
CLUTTER = 3
HANDHELD = {"hand": 0.6, "travel": 0.2, "free": 0.2}


def hand_paths(draws: Draws, stage: Stage, k: int, moves: int = 9) -> Tensor:
    """Minimum-jerk reaches with pauses and a little unsteadiness, (n, T, k, 3)."""
    times = stage.times
    reach = draws.log_uniform(k, 1, 1, lo=0.1, hi=1.2)
    steps = draws.normal(k, moves, 3) * reach
    back = draws.chance(0.5, k, moves, 1).float()  # many reaches return
    home = steps - back * torch.cat([torch.zeros_like(steps[:, :, :1]), steps[:, :, :-1]], 2)
    flat = torch.tensor([1.0, 0.6, 0.5], device=draws.device)
    path = stop_and_go(draws, times, home * flat, duration=(6.0, 34.0), pause=(1.0, 60.0))
    path = _recorded(draws, stage, path, reach[:, None, :, 0] * 4.0)
    path = path + wander(draws, times, k, 3, lo=6.0, hi=25.0) * draws.log_uniform(
        1, k, 1, lo=0.002, hi=0.03
    )
    return path - path[:, stage.anchor, None]


def _recorded(draws: Draws, stage: Stage, path: Tensor, scale: Tensor) -> Tensor:
    """Recorded hands in a third of the clips, where given; metres become `scale` units."""
    n, k = path.shape[0], path.shape[2]
    choice, where = draws.uniform(k), draws.uniform(k)
    fps = 30.0 / draws.log_uniform(k, lo=0.4, hi=1.4)
    yaw, mirror = draws.uniform(k, lo=-math.pi, hi=math.pi), draws.sign(k)
    used = draws.chance(0.35, 1, 1, 1)
    files = () if stage.recordings is None else stage.recordings.reaches
    if not files:
        return path
    real = files[0].windows(choice.view(-1), where.view(-1), fps.view(-1), stage.times)
    real = upright(real, yaw.view(-1), mirror.view(-1)).view(n, k, -1, 3).transpose(1, 2)
    return torch.where(used, (real - real[:, stage.anchor, None]) * scale, path)


def _turns(draws: Draws, stage: Stage, k: int) -> Tensor:
    """Rotation vectors (n, T, k, 3): turned by hand, mostly about one axis."""
    axis = draws.direction(k)[:, :, None]
    steps = axis * draws.normal(k, 6, 1) * draws.log_uniform(k, 1, 1, lo=0.05, hi=1.5)
    path = stop_and_go(draws, stage.times, steps, duration=(8.0, 40.0), pause=(2.0, 80.0))
    still = draws.normal(1, k, 3)
    return still + path


def _objects(draws: Draws, stage: Stage, styles: dict[str, float]) -> Scene:
    view = View.draw(draws, stage, down=(0.1, 0.9))
    path = hand_paths(draws, stage, OBJECTS)
    x = draws.uniform(OBJECTS, lo=-0.75, hi=0.75) * view.aspect
    y = draws.uniform(OBJECTS, lo=-0.7, hi=0.8)
    home = view.place(x, y, draws.uniform(OBJECTS, lo=0.8, hi=1.2))
    held = draws.uniform(OBJECTS) < draws.uniform(1, lo=0.4, hi=1.0)  # the others stay put
    moving = held[:, None, :, None].float()
    path = home[:, None] + path * moving
    half = draws.log_uniform(OBJECTS, 1, lo=0.06, hi=0.45) * draws.uniform(
        OBJECTS, 3, lo=0.5, hi=1.3
    )
    turns = _turns(draws, stage, OBJECTS)
    turns = turns[:, :1] + (turns - turns[:, :1]) * moving
    objects = solids(path, turns, half)
    # A forearm and a hand on each held object, coming from outside the frame; it lets go at times.
    grip = path + wander(draws, stage.times, OBJECTS, 3, lo=10.0, hi=40.0) * 0.02
    away = draws.sign(OBJECTS)
    elbow_home = torch.stack(
        [
            away * draws.uniform(OBJECTS, lo=0.6, hi=1.6),
            draws.uniform(OBJECTS, lo=0.3, hi=1.5),
            draws.uniform(OBJECTS, lo=-0.8, hi=0.1),
        ],
        -1,
    )
    free = 1 - on_and_off(draws, stage.times, OBJECTS)
    retreat = free * elbow_home[:, None] * draws.uniform(1, OBJECTS, 1, lo=0.1, hi=0.6)
    wrist = (
        grip
        + retreat
        + view.level(torch.stack([away, away * 0 + 0.4, away * 0 - 0.6], -1) * half)[:, None]
    )
    elbow = home[:, None] + elbow_home[:, None] * 1.4 + 0.6 * (wrist - home[:, None])
    thick = draws.uniform(OBJECTS, lo=0.07, hi=0.16)
    arms = limbs(elbow, wrist, thick).hide(~held)
    floor = home[..., 1].amax(1) + 0.3
    floor = torch.clamp(floor, min=0.3)
    planes = view.room(draws, floor)
    still = clutter(draws, view, CLUTTER, floor)
    camera = view.shoot(draws, styles, target=path[:, :, 0])
    return Scene(
        camera,
        planes,
        balls=join(objects[:2], arms),
        boxes=join(objects[2:], still),
    )


FAMILIES = (
    Family(
        "handled",
        10,
        "objects picked up, carried, turned and put down by arms, with pauses",
        5.0,
        lambda draws, stage: _objects(draws, stage, USUAL),
    ),
    Family(
        "handled_handheld",
        11,
        "the same filmed by an unsteady moving camera (held out)",
        0.0,
        lambda draws, stage: _objects(draws, stage, HANDHELD),
    ),
)
