"""Surfaces that deform: cloth, leaves and grass, water, soft bodies that breathe."""

import math

import torch
from torch import Tensor

from kinecast.data.synth.bodies import clutter, solids
from kinecast.data.synth.camera import USUAL, View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.motion import mixed_paths, oscillate, stop_and_go, wander
from kinecast.data.synth.scene import Scene, Stage, Waves, join
from kinecast.data.synth.trace import SOLID

TERMS = 3


def _waves(draws: Draws, strength: Tensor, number: float, period: tuple[float, float]) -> Waves:
    """Waves of given strength (n, k+1, 3) along each axis of each body's own coordinates."""
    bodies = strength.shape[1]
    direction = strength[:, None] * draws.normal(TERMS, bodies, 3) / math.sqrt(TERMS)
    pace = 2 * math.pi / draws.log_uniform(TERMS, bodies, lo=period[0], hi=period[1])
    return Waves(
        direction,
        draws.normal(TERMS, bodies, 3) * number * draws.log_uniform(1, bodies, 1, lo=0.5, hi=2.0),
        pace,
        draws.uniform(TERMS, bodies, hi=2 * math.pi),
    )


def _cloth(draws: Draws, stage: Stage) -> Scene:
    """Sheets that wave and sway: flags, curtains, laundry, clothes."""
    view = View.draw(draws, stage, down=(-0.2, 0.4))
    k, times = 3, stage.times
    home = view.place(
        draws.uniform(k, lo=-0.8, hi=0.8) * view.aspect,
        draws.uniform(k, lo=-0.7, hi=0.7),
        draws.uniform(k, lo=0.8, hi=1.5),
    )
    path = home[:, None] + mixed_paths(draws, times, k, stage.anchor, lo=0.01, hi=0.3)
    turn = oscillate(draws, times, k, 3, lo=25.0, hi=150.0) * draws.log_uniform(
        1, k, 1, lo=0.02, hi=0.4
    )
    turn = turn + draws.normal(1, k, 3) * 0.35
    half = draws.log_uniform(k, 3, lo=0.25, hi=1.1)
    half = torch.cat([half[..., :2], torch.full_like(half[..., 2:], 0.01)], -1)
    sheets = solids(path, turn, half)
    still = clutter(draws, view, 3)
    strength = torch.zeros(len(draws), k + 4, 3, device=draws.device)
    depth = draws.log_uniform(k, lo=0.02, hi=0.3)  # units out of the sheet
    strength[:, :k, 2] = depth / 0.01
    strength[:, :k, :2] = 0.15 * depth[..., None]
    solid = torch.full_like(strength[..., 0], SOLID)[:, :-1]
    solid[:, :k] = 0.0
    waves = _waves(draws, strength, 3.0, (14.0, 110.0))
    camera = view.shoot(draws, USUAL, path[:, :, 0])
    return Scene(camera, view.room(draws), None, join(sheets, still), waves, solid)


def _foliage(draws: Draws, stage: Stage) -> Scene:
    """Trees, grass and water: the whole background moves a little, in gusts."""
    view = View.draw(draws, stage, down=(-0.3, 0.6))
    k, times = 5, stage.times
    place = view.place(
        draws.uniform(k, lo=-1.0, hi=1.0) * view.aspect,
        draws.uniform(k, lo=-0.9, hi=0.6),
        draws.log_uniform(k, lo=0.7, hi=2.5),
    )
    sway = wander(draws, times, k, 3, lo=12.0, hi=60.0)
    sway = sway + oscillate(draws, times, k, 3, lo=25.0, hi=120.0)
    amount = draws.log_uniform(1, 1, 1, lo=0.004, hi=0.12)
    half = draws.log_uniform(k, 1, lo=0.2, hi=0.9) * draws.uniform(k, 3, lo=0.6, hi=1.2)
    crowns = solids(place[:, None] + sway * amount, 0.5 * sway * amount, half)
    crowns = crowns.hide(draws.uniform(k) > draws.uniform(1, hi=1.3))
    still = clutter(draws, view, 2)
    strength = torch.zeros(len(draws), k + 3, 3, device=draws.device)
    strength[:, :k] = draws.log_uniform(1, 1, lo=0.005, hi=0.15)
    strength[:, -1] = draws.log_uniform(1, lo=0.002, hi=0.1) * draws.chance(0.6, 1)
    solid = torch.full_like(strength[..., 0], SOLID)[:, :-1]
    solid[:, :k] = (1 - 2.0 * strength[:, :k, 0]).clamp(0.6, SOLID)
    waves = _waves(draws, strength, 2.0, (16.0, 130.0))
    return Scene(view.shoot(draws, USUAL), view.room(draws), crowns, still, waves, solid)


def _soft(draws: Draws, stage: Stage) -> Scene:
    """Soft bodies that breathe, wobble and stretch while they move."""
    view = View.draw(draws, stage, down=(-0.1, 0.5))
    k, times = 4, stage.times
    home = view.place(
        draws.uniform(k, lo=-0.8, hi=0.8) * view.aspect,
        draws.uniform(k, lo=-0.7, hi=0.7),
        draws.uniform(k, lo=0.75, hi=1.4),
    )
    path = home[:, None] + mixed_paths(draws, times, k, stage.anchor, lo=0.02, hi=0.7)
    turn = draws.normal(1, k, 3) + stop_and_go(
        draws, times, draws.normal(k, 6, 3) * draws.log_uniform(k, 1, 1, lo=0.02, hi=0.8)
    )
    half = draws.log_uniform(k, 1, lo=0.12, hi=0.7) * draws.uniform(k, 3, lo=0.6, hi=1.1)
    bodies = solids(path, turn, half)
    stretch = oscillate(draws, times, k, 3, lo=12.0, hi=120.0) * draws.log_uniform(
        1, k, 1, lo=0.01, hi=0.2
    )
    bodies = type(bodies)(bodies.centre, bodies.axes * torch.exp(stretch)[..., None, :])
    bodies = bodies.hide(draws.uniform(k) > draws.uniform(1, lo=0.3, hi=1.3))
    still = clutter(draws, view, 3)
    strength = torch.zeros(len(draws), k + 4, 3, device=draws.device)
    strength[:, :k] = draws.log_uniform(k, 1, lo=0.003, hi=0.12)
    solid = torch.full_like(strength[..., 0], SOLID)[:, :-1]
    solid[:, :k] = (1 - 2.0 * strength[:, :k, 0]).clamp(0.6, SOLID)
    waves = _waves(draws, strength, 2.5, (12.0, 100.0))
    camera = view.shoot(draws, USUAL, path[:, :, 0])
    return Scene(camera, view.room(draws), bodies, still, waves, solid)


FAMILIES = (
    Family("cloth", 30, "sheets that wave and sway", 0.8, _cloth),
    Family("foliage", 31, "trees, grass and water that move in gusts", 0.8, _foliage),
    Family("soft", 32, "soft bodies that breathe, wobble and move", 1.0, _soft),
)
