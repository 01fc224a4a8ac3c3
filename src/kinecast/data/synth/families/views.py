"""Scenes that a camera makes: tours of still places, layers in depth, driving, fixed views."""

import torch

from kinecast.data.synth.bodies import clutter, solids
from kinecast.data.synth.camera import FIXED, MOVING, View, filmed
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.motion import mixed_paths, on_and_off, stop_and_go, wander
from kinecast.data.synth.scene import Camera, Scene, Stage, join


def _tour(draws: Draws, stage: Stage) -> Scene:
    """A still place seen by a moving camera; recorded cameras where given."""
    view = View.draw(draws, stage, down=(-0.1, 0.6))
    room = view.room(draws)
    boxes = clutter(draws, view, 5, room[:, 0, 3])
    balls = clutter(draws, view, 3, room[:, 0, 3])
    camera = filmed(draws, view, view.shoot(draws, MOVING))
    return Scene(camera, room, balls, boxes)


def _layers(draws: Draws, stage: Stage) -> Scene:
    """Flat layers at several depths with parallax, some of which slide: fences, trees, houses."""
    view = View.draw(draws, stage, down=(-0.1, 0.2))
    k = 6
    ratio = draws.log_uniform(k, lo=0.6, hi=3.5)
    home = view.place(
        draws.uniform(k, lo=-1.3, hi=1.3) * view.aspect, draws.uniform(k, lo=-1.0, hi=1.0), ratio
    )
    half = draws.log_uniform(k, 3, lo=0.1, hi=1.3) * ratio[..., None]
    half = torch.cat([half[..., :2], torch.full_like(half[..., 2:], 0.01)], -1)
    moving = draws.chance(0.3, k)[:, None, :, None]
    slide = mixed_paths(draws, stage.times, k, stage.anchor, lo=0.03, hi=0.6)
    path = home[:, None] + slide * moving
    turn = torch.zeros_like(path)
    turn = turn + draws.normal(1, k, 3) * torch.tensor([0.1, 0.5, 0.1], device=draws.device)
    camera = view.shoot(draws, MOVING)
    return Scene(camera, view.room(draws), None, solids(path, turn, half))


def _drive(draws: Draws, stage: Stage) -> Scene:
    """A camera that drives forward: road, roadside, other vehicles, vibration, bends and stops."""
    view = View.draw(draws, stage, down=(-0.05, 0.12))
    times = stage.times
    base = view.shoot(draws, {"hand": 0.6, "static": 0.4})
    speed = draws.log_uniform(1, lo=0.01, hi=0.25) * on_and_off(draws, times, 1)[:, :, 0, 0]
    turns = draws.normal(1, 5, 1) * draws.log_uniform(1, 1, 1, lo=0.01, hi=0.25)
    bend = stop_and_go(draws, times, turns, duration=(25.0, 100.0))[:, :, 0, 0]
    bend = bend - bend[:, stage.anchor, None]
    step = speed[..., None] * torch.stack([torch.sin(bend), 0 * bend, torch.cos(bend)], -1)
    way = torch.cumsum(step, 1)
    way = way - way[:, stage.anchor, None]
    cos, sin, one = torch.cos(bend), torch.sin(bend), torch.ones_like(bend)
    yaw = torch.stack([cos, 0 * one, -sin, 0 * one, one, 0 * one, sin, 0 * one, cos], -1)
    camera = Camera(base.rotation @ yaw.view(*bend.shape, 3, 3), base.position + way, base.focal)
    room = view.room(draws, draws.uniform(lo=0.5, hi=1.5))
    room[:, 1:, 3] = room[:, 1:, 3] * 6.0 + 20.0
    k = 6
    side = draws.sign(k) * draws.log_uniform(k, lo=0.8, hi=4.0)
    ahead = draws.uniform(k, lo=0.3, hi=5.0) * view.depth[:, None]
    half = draws.log_uniform(k, 3, lo=0.2, hi=1.5)
    y = room[:, 0, 3, None] - half[..., 1]
    place = torch.stack([side, y, ahead], -1)[:, None].expand(-1, stage.frames, -1, -1)
    turn = torch.zeros_like(place)
    houses = solids(place, turn, half)
    lane = draws.uniform(3, lo=-1.0, hi=1.0)
    gap = draws.uniform(3, lo=0.4, hi=1.5) * view.depth[:, None]
    cars_half = draws.uniform(3, 3, lo=0.2, hi=0.45)
    lead = wander(draws, times, 3, 1, lo=30.0, hi=100.0)[..., 0] * 0.25
    kept = draws.uniform(1, 3, lo=-0.3, hi=1.1)  # of the camera's own way; negative: oncoming
    z = gap[:, None] + kept * way[:, :, None, 2] + lead
    x = lane[:, None] + kept.clamp(min=0) * way[:, :, None, 0]
    y = (room[:, 0, 3, None] - cars_half[..., 1])[:, None].expand_as(z)
    cars = solids(torch.stack([x, y, z], -1), turn[:, :, :3], cars_half)
    cars = cars.hide(draws.chance(0.5, 3))
    return Scene(camera, room, None, join(houses, cars))


def _still(draws: Draws, stage: Stage) -> Scene:
    """A fixed camera, a still background, and a few small things that move."""
    view = View.draw(draws, stage, down=(-0.1, 0.8))
    k = 4
    home = view.place(
        draws.uniform(k, lo=-0.9, hi=0.9) * view.aspect,
        draws.uniform(k, lo=-0.9, hi=0.9),
        draws.uniform(k, lo=0.8, hi=1.5),
    )
    path = home[:, None] + mixed_paths(draws, stage.times, k, stage.anchor, lo=0.05, hi=0.9)
    spin = mixed_paths(draws, stage.times, k, stage.anchor, lo=0.05, hi=1.0)
    half = draws.log_uniform(k, 1, lo=0.06, hi=0.5) * draws.uniform(k, 3, lo=0.5, hi=1.2)
    bodies = solids(path, spin + draws.normal(1, k, 3), half)
    bodies = bodies.hide(draws.uniform(k) > draws.uniform(1, lo=0.2, hi=1.2))
    still = clutter(draws, view, 3)
    return Scene(view.shoot(draws, FIXED), view.room(draws), bodies[:2], join(bodies[2:], still))


FAMILIES = (
    Family("tour", 50, "a still place seen by a moving camera", 2.0, _tour),
    Family("layers", 51, "flat layers at several depths, with parallax", 0.7, _layers),
    Family("drive", 52, "a camera that drives forward", 0.7, _drive),
    Family("still", 53, "a fixed camera and a few small things that move", 2.0, _still),
)
