"""Rigid bodies under forces: falling, bouncing, colliding, rolling, sliding, swinging."""

import math

import torch
from torch import Tensor

from kinecast.data.synth.bodies import clutter, limbs, solids
from kinecast.data.synth.camera import USUAL, View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families.family import Family
from kinecast.data.synth.motion import oscillate, rotation, wander
from kinecast.data.synth.scene import Bodies, Scene, Stage, join

COUNT = 5
CLUTTER = 2


def _simulate(
    stage: Stage,
    position: Tensor,
    velocity: Tensor,
    radius: Tensor,
    gravity: Tensor,
    floor: Tensor,
    bounce: Tensor,
    friction: Tensor,
    arena: Tensor,
) -> tuple[Tensor, Tensor]:
    """Balls of mass r^3 in a walled arena, semi-implicit Euler with one step a frame.

    Impacts reflect the normal speed times `bounce` (n, k); on the floor, sliding loses `friction`
    (n, k) a frame and turns into rolling. Pairs collide along the line of centres.

    Returns:
        path (n, T, k, 3) and orientation (n, T, k, 3, 3).
    """
    n, k = radius.shape
    mass = radius**3
    share = mass[:, None, :] / (mass[:, :, None] + mass[:, None, :])  # what the other takes
    others = 1.0 - torch.eye(k, device=radius.device)
    orient = torch.eye(3, device=radius.device).expand(n, k, 3, 3)
    spin = torch.zeros_like(position)
    ground = floor[:, None] - radius
    path, turns = [], []
    for _ in range(stage.frames):
        path.append(position)
        turns.append(orient)
        x, y, z = (velocity + gravity[:, None, :]).unbind(-1)
        px, py, pz = position.unbind(-1)
        py = py + y
        landed = py > ground
        resting = landed & (y < 4.0 * gravity[:, None, 1])
        y = torch.where(landed, torch.where(resting, 0.0, -bounce * y), y)
        py = torch.minimum(py, ground)
        keep = torch.where(landed, 1.0 - friction, 1.0)
        x, z = x * keep, z * keep
        px, pz = px + x, pz + z
        x = torch.where((px - arena[:, 0, None]).abs() > arena[:, 2, None], -bounce * x, x)
        px = arena[:, 0, None] + torch.minimum(
            torch.maximum(px - arena[:, 0, None], -arena[:, 2, None]), arena[:, 2, None]
        )
        z = torch.where((pz - arena[:, 1, None]).abs() > arena[:, 3, None], -bounce * z, z)
        pz = arena[:, 1, None] + torch.minimum(
            torch.maximum(pz - arena[:, 1, None], -arena[:, 3, None]), arena[:, 3, None]
        )
        position = torch.stack([px, py, pz], -1)
        velocity = torch.stack([x, y, z], -1)
        gap = position[:, :, None] - position[:, None, :]
        distance = gap.norm(dim=-1).clamp(min=1e-4)
        normal = gap / distance[..., None]
        overlap = (radius[:, :, None] + radius[:, None, :] - distance).clamp(min=0) * others
        closing = ((velocity[:, :, None] - velocity[:, None, :]) * normal).sum(-1)
        hit = (overlap > 0) & (closing < 0)
        push = torch.where(hit, -(1.0 + bounce[:, :, None]) * closing * share, 0.0)
        velocity = velocity + (push[..., None] * normal).sum(2)
        position = position + ((0.5 * overlap)[..., None] * normal).sum(2)
        rolling = torch.stack([velocity[..., 2], 0 * x, -velocity[..., 0]], -1) / radius[..., None]
        spin = torch.where(landed[..., None], rolling, spin)
        orient = rotation(spin) @ orient
    return torch.stack(path, 1), torch.stack(turns, 1)


def _thrown(draws: Draws, stage: Stage) -> Scene:
    """Falling, bouncing, colliding and rolling bodies."""
    view = View.draw(draws, stage, down=(0.0, 0.5))
    floor = torch.clamp(
        view.subject[:, 1] + draws.uniform(lo=0.3, hi=1.0),
        min=0.3,
    )
    home = view.place(
        draws.uniform(COUNT, lo=-0.9, hi=0.9) * view.aspect,
        draws.uniform(COUNT, lo=-0.9, hi=0.7),
        draws.uniform(COUNT, lo=0.75, hi=1.35),
    )
    radius = draws.log_uniform(COUNT, lo=0.08, hi=0.4)
    speed = draws.log_uniform(1, lo=0.004, hi=0.06)[..., None]
    velocity = draws.normal(COUNT, 3) * speed
    fall = torch.where(draws.chance(0.7), draws.log_uniform(lo=0.0008, hi=0.008), 0.0)
    gravity = torch.stack([0 * fall, fall, 0 * fall], -1)
    grounded = draws.chance(0.5, COUNT) & (fall > 0)[:, None]
    y = torch.where(grounded, floor[:, None] - radius, home[..., 1])
    position = torch.stack([home[..., 0], y, home[..., 2]], -1)
    middle = view.subject
    arena = torch.stack(
        [
            middle[:, 0],
            middle[:, 2],
            draws.uniform(lo=0.9, hi=3.0) * view.aspect,
            draws.uniform(lo=0.3, hi=0.5) * view.depth,
        ],
        -1,
    )
    path, orient = _simulate(
        stage,
        position,
        velocity,
        radius,
        gravity,
        floor,
        draws.uniform(COUNT, lo=0.3, hi=0.92),
        draws.log_uniform(COUNT, lo=0.002, hi=0.15),
        arena,
    )
    shape = draws.uniform(COUNT, 3, lo=0.6, hi=1.0)
    axes = orient @ torch.diag_embed(radius[..., None] * shape)[:, None]
    bodies = Bodies(path, axes).hide(draws.uniform(COUNT) > draws.uniform(1, lo=0.3, hi=1.2))
    planes = view.room(draws, floor)
    still = clutter(draws, view, CLUTTER, floor)
    return Scene(view.shoot(draws, USUAL, path[:, :, 0]), planes, balls=bodies, boxes=still)


def _swinging(draws: Draws, stage: Stage) -> Scene:
    """Pendulums, springs and driven bodies."""
    view = View.draw(draws, stage, down=(-0.1, 0.3))
    k, times = COUNT, stage.times
    home = view.place(
        draws.uniform(k, lo=-0.9, hi=0.9) * view.aspect,
        draws.uniform(k, lo=-0.9, hi=0.5),
        draws.uniform(k, lo=0.75, hi=1.5),
    )
    swing = oscillate(draws, times, k, 3, lo=12.0, hi=110.0, terms=3)
    decay = torch.exp(-times[:, None] * draws.log_uniform(1, k, lo=1e-5, hi=0.03))
    size = draws.log_uniform(1, k, 1, lo=0.02, hi=0.5)
    length = draws.log_uniform(k, lo=0.4, hi=1.6)
    angle = (swing * decay[..., None] * size).clamp(-1.4, 1.4) / length[:, None, :, None]
    bob = torch.stack(
        [
            torch.sin(angle[..., 0]) * length[:, None],
            torch.cos(angle[..., 0]) * length[:, None],
            0.5 * torch.sin(angle[..., 2]) * length[:, None],
        ],
        -1,
    )
    spring = swing * decay[..., None] * size
    pendulum = draws.chance(0.5, k)[:, None, :, None]
    path = home[:, None] + torch.where(pendulum, bob, spring)
    path = path + wander(draws, times, k, 3) * draws.log_uniform(1, k, 1, lo=0.002, hi=0.05)
    turn = angle[..., :1] * torch.tensor([0.0, 0.0, -1.0], device=path.device)
    half = draws.log_uniform(k, 1, lo=0.08, hi=0.4) * draws.uniform(k, 3, lo=0.5, hi=1.0)
    bodies = solids(path, torch.where(pendulum, turn, spring * 0.6), half)
    rods = limbs(home[:, None].expand_as(path), path, draws.uniform(k, lo=0.02, hi=0.07))
    gone = draws.uniform(k) > draws.uniform(1, lo=0.2, hi=1.2)
    rods = rods.hide(gone | ~pendulum[:, 0, :, 0])
    camera = view.shoot(draws, USUAL, path[:, :, 0])
    return Scene(
        camera,
        view.room(draws),
        balls=join(bodies[:3].hide(gone[:, :3]), rods[:3]),
        boxes=join(bodies[3:].hide(gone[:, 3:]), clutter(draws, view, CLUTTER)),
    )


def _sliding(draws: Draws, stage: Stage) -> Scene:
    """Boxes and pucks pushed over a table: they start, slide with friction, and stop."""
    view = View.draw(draws, stage, down=(0.3, 1.3))
    k, times = COUNT, stage.times
    home = view.place(
        draws.uniform(k, lo=-0.8, hi=0.8) * view.aspect,
        draws.uniform(k, lo=-0.7, hi=0.8),
        torch.ones(len(draws), k, device=draws.device),
    )
    floor = torch.clamp(home[..., 1].amax(1) + 0.1, min=0.4)
    half = draws.log_uniform(k, 3, lo=0.06, hi=0.4)
    pushes = 5
    begin = draws.uniform(k, pushes, lo=-40.0, hi=170.0)
    heading = draws.uniform(k, pushes, hi=2 * math.pi)
    speed = draws.log_uniform(k, pushes, lo=0.003, hi=0.06)
    slow = draws.log_uniform(k, 1, lo=0.0003, hi=0.004)  # friction: speed lost a frame
    travelled = torch.zeros_like(home[:, None, :, :2])
    spun = torch.zeros_like(travelled[..., 0])
    spin = draws.normal(k, pushes) * 0.8
    for j in range(pushes):
        stop = (speed / slow)[:, None, :, j]
        s = torch.minimum((times[:, None] - begin[:, None, :, j]).clamp(min=0), stop)
        way = speed[:, None, :, j] * s - 0.5 * slow[:, None, :, 0] * s * s
        axis = torch.stack([torch.cos(heading[..., j]), torch.sin(heading[..., j])], -1)
        travelled = travelled + way[..., None] * axis[:, None]
        spun = spun + way * spin[:, None, :, j]
    travelled = travelled - travelled[:, stage.anchor, None]
    level = (floor[:, None] - half[..., 1])[:, None].expand(-1, stage.frames, -1)
    path = torch.stack(
        [home[:, None, :, 0] + travelled[..., 0], level, home[:, None, :, 2] + travelled[..., 1]],
        -1,
    )
    turn = torch.stack([0 * spun, spun + draws.uniform(1, k, lo=-2.0, hi=2.0), 0 * spun], -1)
    bodies = solids(path, turn, half).hide(draws.uniform(k) > draws.uniform(1, lo=0.3, hi=1.2))
    camera = view.shoot(draws, USUAL, path[:, :, 0])
    still = clutter(draws, view, CLUTTER, floor)
    return Scene(camera, view.room(draws, floor), balls=bodies[:2], boxes=join(bodies[2:], still))


FAMILIES = (
    Family("thrown", 1, "falling, bouncing, colliding and rolling bodies", 1.0, _thrown),
    Family("sliding", 2, "boxes and pucks pushed over a table, with friction", 1.0, _sliding),
    Family("swinging", 3, "pendulums, springs and driven bodies (held out)", 0.0, _swinging),
)
