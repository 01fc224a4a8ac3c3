"""Articulated bodies: people, hands, animals, faces and chains of links."""

import math

import torch
from torch import Tensor

from kinecast.data.synth.bodies import clutter, limbs, solids
from kinecast.data.synth.camera import USUAL, View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.families.skeletons import animal, hand, person
from kinecast.data.synth.motion import oscillate, stop_and_go, wander
from kinecast.data.synth.scene import Bodies, Scene, Stage, Waves, join

CLUTTER = 3


def _staged(
    draws: Draws, stage: Stage, view: View, body: tuple[Tensor, Tensor, Tensor], size: Tensor
) -> tuple[Bodies, Tensor, Tensor]:
    """Put a body of unit height into the view.

    Args:
        body: (start, end, radius) of its limbs, origin at its middle in the anchor frame.
        size: (n,) height in units.

    Returns:
        limbs, path of the middle (n, T, 3) and height (n,) of the floor under it.
    """
    start, end, radius = body
    home = view.place(
        draws.uniform(1, lo=-0.6, hi=0.6) * view.aspect,
        draws.uniform(1, lo=-0.4, hi=0.5),
        draws.uniform(1, lo=0.85, hi=1.2),
    )
    scale = size[:, None, None, None]
    start, end = start * scale + home[:, None], end * scale + home[:, None]
    middle = 0.5 * (start[:, :, 0] + end[:, :, 0])
    floor = torch.clamp(home[:, 0, 1] + 0.52 * size, min=0.3)
    return limbs(start, end, radius * size[:, None]), middle, floor


def _person(draws: Draws, stage: Stage) -> Scene:
    """One person who walks, works, reaches, stops."""
    view = View.draw(draws, stage, down=(-0.1, 0.4))
    body = person(draws, stage)
    bodies, middle, floor = _staged(draws, stage, view, body, draws.log_uniform(lo=0.7, hi=3.4))
    still = clutter(draws, view, CLUTTER, floor)
    return Scene(view.shoot(draws, USUAL, middle), view.room(draws, floor), bodies, still)


def _animal(draws: Draws, stage: Stage) -> Scene:
    """A four-legged animal that walks, stops and looks around."""
    view = View.draw(draws, stage, down=(-0.05, 0.5))
    body = animal(draws, stage)
    bodies, middle, floor = _staged(draws, stage, view, body, draws.log_uniform(lo=0.5, hi=2.0))
    still = clutter(draws, view, CLUTTER, floor)
    return Scene(view.shoot(draws, USUAL, middle), view.room(draws, floor), bodies, still)


def _hand(draws: Draws, stage: Stage) -> Scene:
    """A hand near the camera that gestures and carries an object at times."""
    view = View.draw(draws, stage, down=(-0.2, 0.9))
    start, end, radius = hand(draws, stage)
    bodies, middle, floor = _staged(
        draws, stage, view, (start, end, radius), draws.log_uniform(lo=0.7, hi=2.6)
    )
    grip = draws.normal(1, 1, 3) * 0.12
    half = draws.log_uniform(1, 3, lo=0.08, hi=0.4)
    turn = wander(draws, stage.times, 1, 3, lo=10.0, hi=50.0) * draws.log_uniform(
        1, 1, 1, lo=0.02, hi=0.5
    )
    carried = solids(middle[:, :, None] + grip, turn, half).hide(draws.chance(0.5, 1))
    still = clutter(draws, view, CLUTTER, floor)
    camera = view.shoot(draws, USUAL, middle)
    return Scene(camera, view.room(draws, floor), bodies, join(carried, still))


def _portrait(draws: Draws, stage: Stage) -> Scene:
    """A talking head: nods and turns, shoulders that breathe, a face that moves a little."""
    view = View.draw(draws, stage, down=(-0.15, 0.15))
    times = stage.times
    size = draws.log_uniform(1, lo=0.25, hi=0.75)
    home = view.place(
        draws.uniform(1, lo=-0.5, hi=0.5) * view.aspect,
        draws.uniform(1, lo=-0.5, hi=0.2),
        draws.uniform(1, lo=0.9, hi=1.1),
    )
    nods = draws.normal(1, 9, 3) * draws.log_uniform(1, 1, 1, lo=0.03, hi=0.4)
    angle = stop_and_go(
        draws,
        times,
        nods - torch.cat([0 * nods[:, :, :1], nods[:, :, :-1]], 2),
        duration=(5.0, 30.0),
        pause=(1.0, 50.0),
    )
    angle = angle + wander(draws, times, 1, 3, lo=4.0, hi=20.0) * draws.log_uniform(
        1, 1, 1, lo=0.005, hi=0.08
    )
    sway = wander(draws, times, 1, 3, lo=15.0, hi=60.0) * draws.log_uniform(
        1, 1, 1, lo=0.01, hi=0.15
    )
    breath = oscillate(draws, times, 1, 1, lo=70.0, hi=140.0) * 0.01
    body = home[:, None] + (sway - sway[:, stage.anchor, None]) * 0.6
    lean = torch.stack([angle[..., 1], -angle[..., 0].abs() * 0.3, angle[..., 0]], -1)
    s = size[:, None, :, None]
    head_path = body + (sway + lean * 0.25 - (sway + lean * 0.25)[:, stage.anchor, None]) * s
    shape = torch.tensor([0.75, 1.0, 0.85], device=draws.device)
    head = solids(head_path, angle, size[..., None] * shape)
    down = torch.tensor([0.0, 2.1, 0.1], device=draws.device)
    chest_path = body + down * s + breath * torch.tensor([0.0, -1.0, -0.5], device=draws.device)
    chest = solids(
        chest_path,
        0.2 * angle,
        size[..., None] * torch.tensor([1.7, 1.1, 0.8], device=draws.device),
    )
    neck = limbs(chest_path - 0.3 * down * s, head_path, 0.4 * size)
    arms = []
    for side in (-1.0, 1.0):
        shoulder = chest_path + s * torch.tensor([1.4 * side, -0.3, 0.0], device=draws.device)
        gesture = stop_and_go(
            draws,
            times,
            draws.normal(1, 8, 3) * draws.log_uniform(1, 1, 1, lo=0.05, hi=0.6),
            duration=(6.0, 30.0),
            pause=(2.0, 60.0),
        )
        rest = torch.tensor([1.3 * side, 1.5, -0.9], device=draws.device)
        arms.append(limbs(shoulder, chest_path + s * (rest + gesture), 0.35 * size))
    balls = join(head, chest, neck, *arms)
    k = balls.count + CLUTTER
    strength = torch.zeros(len(draws), 2, k + 1, 3, device=draws.device)
    strength[:, :, 0] = draws.normal(2, 3) * draws.log_uniform(1, 1, lo=0.002, hi=0.03)
    waves = Waves(
        strength,
        draws.normal(2, k + 1, 3) * 2.5,
        draws.log_uniform(2, k + 1, lo=0.1, hi=0.9),
        draws.uniform(2, k + 1, hi=2 * math.pi),
    )
    camera = view.shoot(draws, USUAL, head_path[:, :, 0])
    floor = home[:, 0, 1] + 4.0 * size[:, 0]
    return Scene(camera, view.room(draws, floor), balls, clutter(draws, view, CLUTTER), waves)


def _chain(draws: Draws, stage: Stage) -> Scene:
    """Chains of links that turn about their joints: cranes, ropes, tails, toys."""
    view = View.draw(draws, stage, down=(-0.2, 0.6))
    links, times = 8, stage.times
    home = view.place(
        draws.uniform(1, lo=-0.6, hi=0.6) * view.aspect,
        draws.uniform(1, lo=-0.6, hi=0.6),
        draws.uniform(1, lo=0.85, hi=1.15),
    )[:, 0]
    amount = draws.log_uniform(1, links, 1, lo=0.02, hi=0.5)
    free = oscillate(draws, times, links, 2, lo=15.0, hi=120.0)
    driven = stop_and_go(draws, times, draws.normal(links, 7, 2))
    bend = amount * torch.where(draws.chance(0.5, 1, 1, 1), free, driven)
    bend = bend + draws.normal(1, links, 2) * 0.4
    length = draws.log_uniform(1, lo=0.15, hi=0.45)
    joint = home[:, None].expand(-1, stage.frames, -1)
    joints, angle = [joint], torch.zeros_like(bend[:, :, 0])
    for i in range(links):
        angle = angle + bend[:, :, i]
        a, b = angle.unbind(-1)
        way = torch.stack(
            [torch.sin(a) * torch.cos(b), torch.cos(a) * torch.cos(b), torch.sin(b)], -1
        )
        joint = joint + way * length[..., None]
        joints.append(joint)
    nodes = torch.stack(joints, 2)
    thick = length * draws.uniform(links, lo=0.2, hi=0.45)
    bodies = limbs(nodes[:, :, :-1], nodes[:, :, 1:], thick)
    still = clutter(draws, view, CLUTTER)
    return Scene(view.shoot(draws, USUAL, nodes[:, :, 4]), view.room(draws), bodies, still)


FAMILIES = (
    Family("person", 20, "a person who walks, works, reaches and stops", 3.0, _person),
    Family("hand", 21, "a hand near the camera that gestures and carries", 2.0, _hand),
    Family("animal", 22, "a four-legged animal that walks, stops and looks around", 1.5, _animal),
    Family("portrait", 23, "a talking head with moving shoulders and arms", 1.5, _portrait),
    Family("chain", 24, "chains of links that swing or are driven (held out)", 0.0, _chain),
)
