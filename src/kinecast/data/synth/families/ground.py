"""Things that travel over the ground: crowds, vehicles, riders."""

import math

import torch
from torch import Tensor

from kinecast.data.synth.bodies import clutter, limbs, solids
from kinecast.data.synth.camera import View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.motion import on_and_off, smooth, stop_and_go, wander
from kinecast.data.synth.recordings import Recording
from kinecast.data.synth.scene import Scene, Stage, join

WATCHED = {"static": 0.6, "hand": 0.2, "pan": 0.1, "zoom": 0.05, "travel": 0.05}
CHASED = {"follow": 0.7, "static": 0.15, "hand": 0.15}


def _walks(draws: Draws, stage: Stage, k: int) -> Tensor:
    """Paths (n, T, k, 2) on the ground, about 1 unit a second; recorded people where given."""
    times, n = stage.times, len(draws)
    gate = on_and_off(draws, times, k)[..., 0]
    course = draws.uniform(1, k, lo=-math.pi, hi=math.pi)
    course = course + wander(draws, times, k, 1, lo=30.0, hi=120.0)[..., 0] * 0.5
    pace = draws.log_uniform(1, k, lo=0.3, hi=1.6) / 30.0
    step = (gate * pace)[..., None] * torch.stack([torch.cos(course), torch.sin(course)], -1)
    path = torch.cumsum(step, 1)
    choice, where = draws.uniform(k), draws.uniform(k)
    fps = 30.0 / draws.log_uniform(k, lo=0.6, hi=1.6)
    turn = draws.uniform(k, hi=2 * math.pi)
    recorded = draws.chance(0.75, 1, k, 1)
    files: tuple[Recording, ...] = () if stage.recordings is None else stage.recordings.walks
    if files:
        real = files[0].windows(choice.reshape(-1), where.reshape(-1), fps.reshape(-1), times)
        real = real[..., :2].reshape(n, k, -1, 2).transpose(1, 2) / 1.3
        c, s = torch.cos(turn)[:, None], torch.sin(turn)[:, None]
        x, y = real.unbind(-1)
        path = torch.where(recorded, torch.stack([c * x - s * y, s * x + c * y], -1), path)
    return path - path[:, stage.anchor, None]


def _crowd(draws: Draws, stage: Stage) -> Scene:
    """People on the ground seen from afar or from above: street, square, hall."""
    view = View.draw(draws, stage, down=(0.15, 1.0))
    k = 5
    height = draws.log_uniform(lo=0.2, hi=1.2)
    home = view.place(
        draws.uniform(k, lo=-0.95, hi=0.95) * view.aspect,
        draws.uniform(k, lo=-0.8, hi=0.9),
        torch.ones(len(draws), k, device=draws.device),
    )
    floor = torch.clamp(view.subject[:, 1] + 0.4, min=0.5)
    # Slide each home along its ray to the ground.
    home = home * (floor[:, None] / home[..., 1].clamp(min=0.15))[..., None].clamp(0.3, 3.0)
    way = _walks(draws, stage, k) * height[:, None, None, None]
    step = 2 * math.pi * stage.times[:, None] / draws.uniform(1, k, lo=12.0, hi=20.0)
    step = step + draws.uniform(1, k, hi=6.28)
    bob = 0.015 * height[:, None, None] * torch.sin(step)
    foot = floor[:, None, None] + 0 * bob
    at = torch.stack(
        [home[:, None, :, 0] + way[..., 0], foot, home[:, None, :, 2] + way[..., 1]], -1
    )

    def above(share: float) -> Tensor:
        lift = share * height[:, None, None] + bob
        return at - torch.stack([0 * lift, lift, 0 * lift], -1)

    thick = height[:, None] * draws.uniform(k, lo=0.12, hi=0.2)
    trunks = limbs(above(0.05), above(0.8), thick)
    heads = limbs(above(0.8), above(1.0), 0.5 * thick)
    gone = draws.uniform(k) > draws.uniform(1, lo=0.5, hi=1.5)
    still = clutter(draws, view, 2, floor)
    camera = view.shoot(draws, WATCHED, at[:, :, 0])
    return Scene(camera, view.room(draws, floor), join(trunks.hide(gone), heads.hide(gone)), still)


def _traffic(draws: Draws, stage: Stage) -> Scene:
    """Vehicles on a road: lanes, different speeds, braking, starting, turning off."""
    view = View.draw(draws, stage, down=(0.1, 0.7))
    k, times = 5, stage.times
    floor = torch.clamp(view.subject[:, 1] + 0.3, min=0.5)
    road = draws.uniform(1, lo=-math.pi, hi=math.pi)
    lane = draws.normal(k) * 0.9
    along = draws.normal(k) * 1.4
    speed = draws.log_uniform(1, 1, lo=0.004, hi=0.05) * draws.uniform(1, k, lo=0.5, hi=1.3)
    gate = 0.15 * draws.chance(0.3, 1, k) + on_and_off(draws, times, k)[..., 0]
    heading = torch.where(lane > 0, 1.0, -1.0)[:, None]
    moving = draws.chance(0.8, 1, k)
    way = torch.cumsum(gate.clamp(0, 1) * speed * moving, 1)
    way = way - way[:, stage.anchor, None]
    bend = draws.normal(1, k) * 0.15 * draws.chance(0.4, 1, k)
    course = road[:, None] + bend * way / 0.5
    steps = torch.stack([torch.cos(course), torch.sin(course)], -1)
    rate = torch.cat([way[:, :1] * 0, way[:, 1:] - way[:, :-1]], 1) * heading
    path = torch.cumsum(rate[..., None] * steps, 1)
    path = path - path[:, stage.anchor, None]
    c, s = torch.cos(road), torch.sin(road)
    x = along * c - lane * s + view.subject[:, :1]
    z = along * s + lane * c + view.subject[:, 2:] * 1.1
    half = (
        draws.log_uniform(1, lo=0.15, hi=0.6)[..., None]
        * torch.tensor([1.0, 0.35, 0.42], device=draws.device)
        * draws.uniform(k, 3, lo=0.7, hi=1.3)
    )
    y = (floor[:, None] - half[..., 1])[:, None] + 0.003 * wander(draws, times, k, 1)[..., 0]
    centre = torch.stack([x[:, None] + path[..., 0], y, z[:, None] + path[..., 1]], -1)
    yaw = -course
    turn = torch.stack([0 * yaw, yaw, 0 * yaw], -1)
    cars = solids(centre, turn, half)
    cars = cars.hide(draws.uniform(k) > draws.uniform(1, lo=0.5, hi=1.5))
    still = clutter(draws, view, 2, floor)
    camera = view.shoot(draws, WATCHED, centre[:, :, 0])
    return Scene(camera, view.room(draws, floor), None, join(cars, still))


def _rider(draws: Draws, stage: Stage) -> Scene:
    """A rider on a board, bicycle or sledge who is followed by the camera."""
    view = View.draw(draws, stage, down=(-0.05, 0.4))
    times = stage.times
    size = draws.log_uniform(lo=0.5, hi=1.6)
    home = view.place(
        draws.uniform(1, lo=-0.5, hi=0.5) * view.aspect,
        draws.uniform(1, lo=-0.2, hi=0.4),
        draws.uniform(1, lo=0.85, hi=1.15),
    )[:, 0]
    floor = torch.clamp(home[:, 1] + 0.55 * size, min=0.3)
    course = draws.uniform(1, lo=-math.pi, hi=math.pi)
    course = course + wander(draws, times, 1, 1, lo=25.0, hi=90.0)[:, :, 0, 0] * draws.uniform(
        1, hi=0.8
    )
    speed = draws.log_uniform(1, lo=0.005, hi=0.07) * on_and_off(draws, times, 1)[:, :, 0, 0]
    way = torch.cumsum(
        speed[..., None] * torch.stack([torch.cos(course), torch.sin(course)], -1), 1
    )
    way = way - way[:, stage.anchor, None]
    hop_steps = (
        draws.uniform(1, 6, 1, lo=0.0, hi=0.5)
        * torch.tensor([1.0, -1.0] * 3, device=draws.device).view(1, 6, 1)
        * draws.chance(0.5, 1, 1, 1)
    )
    hop = stop_and_go(draws, times, hop_steps, duration=(5.0, 14.0), pause=(1.0, 60.0))[:, :, 0, 0]
    hop = hop.clamp(min=0) * size[:, None]
    board = torch.stack(
        [
            home[:, :1] + way[..., 0],
            floor[:, None] - hop - 0.06 * size[:, None],
            home[:, 2:] + way[..., 1],
        ],
        -1,
    )
    lean = wander(draws, times, 6, 3, lo=8.0, hi=40.0) * draws.log_uniform(
        1, 1, 1, lo=0.01, hi=0.12
    )
    crouch = 0.5 + 0.5 * stop_and_go(
        draws,
        times,
        draws.uniform(1, 7, 1, lo=0.1, hi=0.7)
        * torch.tensor([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0], device=draws.device).view(1, 7, 1),
    )[:, :, 0, 0].clamp(-1.0, 0.5)
    forward = torch.stack([torch.cos(course), 0 * course, torch.sin(course)], -1)

    def joint(along: float, up: Tensor, i: int, aside: float = 0.0) -> Tensor:
        side = torch.stack([-forward[..., 2], 0 * up, forward[..., 0]], -1)
        lift = torch.stack([0 * up, -up, 0 * up], -1)
        offset = along * forward + aside * side + lift + lean[:, :, i]
        return board + offset * size[:, None, None]

    one = torch.ones_like(crouch)
    feet = [
        joint(0.18, 0.03 * one, 0) - lean[:, :, 0] * size[:, None, None],
        joint(-0.18, 0.03 * one, 0) - lean[:, :, 0] * size[:, None, None],
    ]
    hips, neck = joint(0.0, 0.3 + 0.25 * crouch, 1), joint(0.06, 0.55 + 0.35 * crouch, 2)
    head = joint(0.08, 0.72 + 0.35 * crouch, 2)
    hands = [joint(0.4, 0.45 + 0.3 * crouch, 3, 0.1), joint(-0.35, 0.45 + 0.3 * crouch, 4, -0.1)]
    knees = [joint(0.2, 0.17 + 0.14 * crouch, 5, 0.06), joint(-0.12, 0.17 + 0.14 * crouch, 5, 0.06)]
    start = torch.stack([hips, neck, hips, knees[0], hips, knees[1], neck, neck], 2)
    end = torch.stack([neck, head, knees[0], feet[0], knees[1], feet[1], hands[0], hands[1]], 2)
    radius = torch.tensor([0.11, 0.07, 0.07, 0.045, 0.07, 0.045, 0.04, 0.04], device=draws.device)
    body = limbs(start, end, radius * size[:, None])
    turn = torch.stack([0 * course, -course, 0 * course], -1)[:, :, None]
    shape = torch.tensor([[0.32, 0.04, 0.1]], device=draws.device) * size[:, None, None]
    deck = solids(board[:, :, None], turn, shape)
    still = clutter(draws, view, 3, floor)
    camera = view.shoot(draws, CHASED, board)
    return Scene(camera, view.room(draws, floor), body, join(deck, still))


def _critters(draws: Draws, stage: Stage) -> Scene:
    """Small animals seen from above: they dart, stop, turn; recorded ones where given."""
    view = View.draw(draws, stage, down=(0.7, 1.45))
    k, times = 6, stage.times
    floor = torch.clamp(view.subject[:, 1], min=0.5)
    home = view.place(
        draws.uniform(k, lo=-0.9, hi=0.9) * view.aspect,
        draws.uniform(k, lo=-0.9, hi=0.9),
        torch.ones(len(draws), k, device=draws.device),
    )
    home = home * (floor[:, None] / home[..., 1].clamp(min=0.15))[..., None].clamp(0.3, 3.0)
    course = draws.uniform(1, k, lo=-math.pi, hi=math.pi)
    course = course + 2.0 * wander(draws, times, k, 1, lo=10.0, hi=60.0)[..., 0]
    dash = draws.uniform(k, 12, 1, lo=0.1, hi=1.0)
    darts = stop_and_go(draws, times, dash, duration=(4.0, 30.0), pause=(2.0, 60.0))[..., 0]
    pace = torch.cat([0 * darts[:, :1], darts[:, 1:] - darts[:, :-1]], 1)
    reach = draws.log_uniform(1, 1, lo=0.1, hi=0.9)
    heading = torch.stack([torch.cos(course), torch.sin(course)], -1)
    path = torch.cumsum((pace * reach)[..., None] * heading, 1)
    choice, where = draws.uniform(k), draws.uniform(k)
    fps = 30.0 / draws.log_uniform(k, lo=0.4, hi=1.5)
    recorded = draws.chance(0.7, 1, k, 1)
    files: tuple[Recording, ...] = () if stage.recordings is None else stage.recordings.animals
    if files:
        real = files[0].windows(choice.view(-1), where.view(-1), fps.view(-1), times)
        real = real.view(len(draws), k, -1, 2).transpose(1, 2) / 250.0  # pixels of the recording
        path = torch.where(recorded, real, path)
    path = path - path[:, stage.anchor, None]
    way = smooth(path, 3)
    index = torch.arange(stage.frames, device=path.device)
    ahead = way[:, (index + 1).clamp(max=stage.frames - 1)] - way[:, (index - 1).clamp(min=0)]
    ahead = ahead + 1e-3 * heading  # a body at rest keeps some direction
    length = draws.log_uniform(k, lo=0.06, hi=0.3)
    ahead = ahead / ahead.norm(dim=-1, keepdim=True).clamp(min=1e-6) * length[:, None, :, None]
    y = (floor[:, None] - 0.35 * length)[:, None].expand_as(path[..., 0])
    at = torch.stack(
        [home[:, None, :, 0] + path[..., 0], y, home[:, None, :, 2] + path[..., 1]], -1
    )
    nose = torch.stack([ahead[..., 0], 0 * y, ahead[..., 1]], -1)
    bodies = limbs(at - nose, at + nose, 0.4 * length)
    bodies = bodies.hide(draws.uniform(k) > draws.uniform(1, lo=0.4, hi=1.4))
    still = clutter(draws, view, 2, floor)
    camera = view.shoot(draws, WATCHED, at[:, :, 0])
    return Scene(camera, view.room(draws, floor), bodies, still)


FAMILIES = (
    Family(
        "critters", 43, "small animals seen from above that dart, stop and turn", 0.7, _critters
    ),
    Family("crowd", 40, "people on the ground, seen from afar or from above", 1.2, _crowd),
    Family("traffic", 41, "vehicles that drive, brake, start and turn", 1.2, _traffic),
    Family("rider", 42, "a rider on a board, followed by the camera", 1.0, _rider),
)
