"""Moving skeletons: recorded where a motion folder is given, procedural otherwise.

Each function returns (start, end, radius) of LIMBS limbs: joints (n, T, k, 3) and radii (n, k), in
heights of the body, origin at its middle in the anchor frame, x right, y down, z away.
"""

import math

import torch
from torch import Tensor

from kinecast.data.synth.draws import Draws
from kinecast.data.synth.motion import on_and_off, oscillate, rotation, stop_and_go, wander
from kinecast.data.synth.recordings import Recording
from kinecast.data.synth.scene import Stage

LIMBS = 12
RECORDED = 0.75  # share of recorded bodies where recordings are given
Skeleton = tuple[Tensor, Tensor, Tensor]

# (joint, joint, radius in heights) of the known layouts; others use their longest bones.
_AMC = (
    (0, 13, 0.085), (14, 16, 0.06), (1, 2, 0.05), (2, 3, 0.035), (6, 7, 0.05), (7, 8, 0.035),
    (17, 18, 0.03), (18, 22, 0.024), (24, 25, 0.03), (25, 29, 0.024), (3, 5, 0.025), (8, 10, 0.025),
)  # fmt: skip
_ACTIONS = (
    (0, 15, 0.085), (16, 19, 0.06), (2, 3, 0.05), (3, 4, 0.035), (8, 9, 0.05), (9, 10, 0.035),
    (21, 22, 0.03), (22, 26, 0.024), (30, 31, 0.03), (31, 35, 0.024),
    (4, 6, 0.025), (10, 12, 0.025),
)  # fmt: skip
_HAND = (
    (0, 10, 0.2), (0, 17, 0.15), (1, 2, 0.07), (2, 4, 0.06), (5, 6, 0.06), (6, 8, 0.05),
    (9, 10, 0.06), (10, 12, 0.05), (13, 14, 0.06), (14, 16, 0.05), (17, 18, 0.055), (18, 20, 0.045),
)  # fmt: skip
_LAYOUTS = {31: _AMC, 38: _ACTIONS, 21: _HAND}


def person(draws: Draws, stage: Stage) -> Skeleton:
    """A person 1 high."""
    files = () if stage.recordings is None else stage.recordings.humans
    return _mixed(draws, stage, files, _walker(draws, stage), height=1.75)


def hand(draws: Draws, stage: Stage) -> Skeleton:
    """A hand 1 long."""
    files = () if stage.recordings is None else stage.recordings.hands
    return _mixed(draws, stage, files, _fingers(draws, stage), height=0.2)


def _mixed(
    draws: Draws, stage: Stage, files: tuple[Recording, ...], procedural: Skeleton, height: float
) -> Skeleton:
    """Recorded bodies in most clips, if there are files; turned, mirrored, slower or faster."""
    choice, where = draws.uniform(), draws.uniform()
    tempo = draws.log_uniform(lo=0.6, hi=1.5)
    yaw = draws.uniform(lo=-math.pi, hi=math.pi)
    mirror = draws.sign()
    recorded = draws.chance(RECORDED)
    source = draws.uniform()
    if not files:
        return procedural
    start, end, radius = (part.clone() for part in procedural)
    sizes = torch.tensor([float(len(f.values)) for f in files], device=draws.device).sqrt()
    edges = torch.cat([torch.zeros_like(sizes[:1]), (sizes / sizes.sum()).cumsum(0)])
    edges[-1] = 1.0
    for i, file in enumerate(files):
        rows = torch.nonzero(recorded & (source >= edges[i]) & (source < edges[i + 1])).flatten()
        if not len(rows):
            continue
        joints = file.windows(choice[rows], where[rows], 30.0 / tempo[rows], stage.times)
        joints = upright(joints / height, yaw[rows], mirror[rows])
        joints = joints - joints[:, stage.anchor, None].mean(2, keepdim=True)
        layout = _LAYOUTS.get(joints.shape[2]) or _longest(file, height)
        a, b, r = zip(*layout, strict=True)
        start[rows], end[rows] = joints[:, :, list(a)], joints[:, :, list(b)]
        radius[rows] = torch.tensor(r, device=draws.device).expand(len(rows), -1)
    return start, end, radius


def _longest(file: Recording, height: float) -> list[tuple[int, int, float]]:
    """The LIMBS longest bones of a skeleton of unknown layout."""
    first = file.values[0] / height
    bones = [(joint, p) for joint, p in enumerate(file.parents or ()) if p >= 0]
    lengths = {bone: float((first[bone[0]] - first[bone[1]]).norm()) for bone in bones}
    ordered = sorted(bones, key=lambda bone: -lengths[bone])
    some = [ordered[i % len(ordered)] for i in range(LIMBS)]
    return [(p, joint, 0.2 * lengths[joint, p] + 0.01) for joint, p in some]


def upright(points: Tensor, yaw: Tensor, mirror: Tensor) -> Tensor:
    """Recorded z-up points (n, ..., 3), turned about the vertical and mirrored, with y down."""
    shape = (-1, *[1] * (points.dim() - 2))
    x, y, z = points.unbind(-1)
    c, s = torch.cos(yaw).view(shape), torch.sin(yaw).view(shape)
    return torch.stack([(c * x - s * y) * mirror.view(shape), -z, s * x + c * y], -1)


def _heading(draws: Draws, stage: Stage, k: int, speed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A walk on the ground that starts, stops and turns.

    Returns:
        gate (n, T, k), direction angle (n, T, k) and path (n, T, k, 2) in x, z; 0 when anchored.
    """
    gate = on_and_off(draws, stage.times, k)[..., 0]
    angle = draws.uniform(1, k, lo=-math.pi, hi=math.pi)
    turn = wander(draws, stage.times, k, 1, lo=20.0, hi=90.0)[..., 0]
    angle = angle + turn * draws.log_uniform(1, k, lo=0.05, hi=1.0)
    step = (gate * speed)[..., None] * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    path = torch.cumsum(step, 1)
    return gate, angle, path - path[:, stage.anchor, None]


def _face(points: Tensor, angle: Tensor, path: Tensor) -> Tensor:
    """Body coordinates (forward, down, left) (n, T, k, 3) into the world along a walk."""
    f, d, left = points.unbind(-1)
    c, s = torch.cos(angle), torch.sin(angle)
    x = f * c - left * s + path[..., 0]
    z = f * s + left * c + path[..., 1]
    return torch.stack([x, d, z], -1)


def _walker(draws: Draws, stage: Stage) -> Skeleton:
    """A procedural person: gait with knees and arms, reaches, sway; stop and go."""
    times, n, T = stage.times, len(draws), stage.frames
    stride = draws.log_uniform(1, 1, lo=0.12, hi=0.3)  # radians a frame
    swing = draws.uniform(1, 1, lo=0.25, hi=0.65)
    gate, angle, path = _heading(draws, stage, 1, stride * swing * 0.25)
    phase = torch.cumsum(gate, 1)[..., 0] * stride[..., 0] + draws.uniform(1, hi=2 * math.pi)
    gate, swing = gate[..., 0], swing[..., 0]
    reach = draws.normal(4, 8, 1) * draws.log_uniform(4, 1, 1, lo=0.05, hi=1.2)
    back = torch.cat([torch.zeros_like(reach[:, :, :1]), reach[:, :, :-1]], 2)
    arms = stop_and_go(draws, times, reach - back)[..., 0]
    arms = arms + wander(draws, times, 4, 1, lo=8.0, hi=40.0)[..., 0] * 0.04
    bend = wander(draws, times, 3, 1, lo=15.0, hi=60.0)[..., 0] * draws.log_uniform(
        1, 3, lo=0.01, hi=0.25
    )
    bob = 0.012 * torch.cos(2 * phase) * gate
    zero = torch.zeros(n, T, device=draws.device)

    def point(f: Tensor, d: Tensor, left: Tensor) -> Tensor:
        return torch.stack([f, d, left], -1)

    def swung(base: Tensor, pitch: Tensor, out: Tensor, length: float) -> Tensor:
        down = torch.cos(pitch) * torch.cos(out)
        way = point(torch.sin(pitch) * torch.cos(out), down, torch.sin(out))
        return base + length * way

    hip = point(zero, bob, zero)
    neck = swung(hip, math.pi - bend[..., 0] * 0.6, bend[..., 1] * 0.3, 0.3)
    head = swung(neck, math.pi - bend[..., 0] - bend[..., 2], bend[..., 1], 0.17)
    starts, ends = [hip, neck], [neck, head]
    for i, side in enumerate((-1.0, 1.0)):
        cycle = phase + (math.pi if side > 0 else 0.0)
        thigh = swing * torch.sin(cycle) * gate
        knee_bend = -(0.15 + 0.9 * swing * torch.cos(cycle).clamp(min=0.0)) * gate
        hip_side = hip + point(zero, zero, zero + 0.055 * side)
        knee = swung(hip_side, thigh, zero, 0.24)
        ankle = swung(knee, thigh + knee_bend, zero, 0.24)
        toe = swung(ankle, thigh + knee_bend + 1.4, zero, 0.09)
        shoulder = neck + point(zero, zero + 0.02, zero + 0.11 * side)
        upper = -0.7 * thigh + arms[..., 2 * i]
        spread = side * (0.1 + 0.35 * arms[..., 2 * i + 1].abs().clamp(max=3.0))
        elbow = swung(shoulder, upper, spread, 0.17)
        hand_at = swung(elbow, upper + 0.25 + arms[..., 2 * i + 1].abs(), 0.3 * spread, 0.18)
        starts += [hip_side, knee, ankle, shoulder, elbow]
        ends += [knee, ankle, toe, elbow, hand_at]
    r = (0.085, 0.06, *(0.05, 0.035, 0.025, 0.03, 0.024) * 2)
    radius = torch.tensor(r, device=draws.device) * draws.uniform(1, lo=0.8, hi=1.3)
    return (
        _face(torch.stack(starts, 2), angle, path),
        _face(torch.stack(ends, 2), angle, path),
        radius,
    )


def animal(draws: Draws, stage: Stage) -> Skeleton:
    """A four-legged animal 1 high: gait, head that looks around, tail; stop and go."""
    times, n, T = stage.times, len(draws), stage.frames
    stride = draws.log_uniform(1, 1, lo=0.12, hi=0.45)
    swing = draws.uniform(1, 1, lo=0.2, hi=0.6)
    gate, angle, path = _heading(draws, stage, 1, stride * swing * 0.45)
    phase = torch.cumsum(gate, 1)[..., 0] * stride[..., 0] + draws.uniform(1, hi=2 * math.pi)
    gate, swing = gate[..., 0], swing[..., 0]
    looks = draws.normal(2, 8, 1) * draws.log_uniform(1, 1, 1, lo=0.1, hi=0.8)
    back = torch.cat([torch.zeros_like(looks[:, :, :1]), looks[:, :, :-1]], 2)
    look = stop_and_go(draws, times, looks - back)[..., 0]
    wag = oscillate(draws, times, 1, 1, lo=8.0, hi=60.0)[..., 0, 0] * draws.log_uniform(
        1, lo=0.02, hi=0.6
    )
    long = draws.uniform(1, lo=0.4, hi=0.8)
    bob = 0.02 * torch.cos(2 * phase) * gate
    zero = torch.zeros(n, T, device=draws.device)

    def point(f: Tensor, d: Tensor, left: Tensor) -> Tensor:
        return torch.stack([f + zero, d + zero, left + zero], -1)

    hips, chest = point(-long, -0.1 + bob, zero), point(long, -0.1 - bob, zero)
    pitch, side = look[..., 0], look[..., 1]
    head = chest + 0.35 * point(torch.cos(side), -0.7 + pitch.clamp(-0.6, 1.6), torch.sin(side))
    nose = head + 0.25 * point(torch.cos(1.3 * side), 0.25 + 0.6 * pitch, torch.sin(1.3 * side))
    tail = hips - 0.45 * point(torch.cos(wag), zero - 0.2, torch.sin(wag))
    starts, ends = [hips, chest, head, hips], [chest, head, nose, tail]
    for base, lag in ((hips, 0.0), (chest, 0.5)):
        for left, shift in ((-1.0, 0.0), (1.0, 1.0)):
            cycle = phase + math.pi * (lag + shift)
            a = swing * torch.sin(cycle) * gate
            b = a - 0.8 * swing * torch.cos(cycle).clamp(min=0) * gate
            hip = base + point(zero, zero, zero + 0.13 * left)
            knee = hip + 0.28 * point(torch.sin(a), torch.cos(a), zero)
            foot = knee + 0.3 * point(torch.sin(b), torch.cos(b), zero)
            starts += [hip, knee]
            ends += [knee, foot]
    r = (0.24, 0.13, 0.12, 0.04, *(0.075, 0.05) * 4)
    radius = torch.tensor(r, device=draws.device) * draws.uniform(1, lo=0.7, hi=1.2)
    return (
        _face(torch.stack(starts, 2), angle, path),
        _face(torch.stack(ends, 2), angle, path),
        radius,
    )


def _fingers(draws: Draws, stage: Stage) -> Skeleton:
    """A procedural hand: a palm that turns and travels, fingers that close and open."""
    times, n, T = stage.times, len(draws), stage.frames
    curl = draws.uniform(5, 8, 1, lo=-0.2, hi=1.3) * draws.uniform(1, 1, 1, lo=0.2, hi=1.0)
    together = draws.uniform(1, 1, 1)
    curl = together * curl.mean(1, keepdim=True) + (1 - together) * curl
    back = torch.cat([torch.zeros_like(curl[:, :, :1]), curl[:, :, :-1]], 2)
    bend = stop_and_go(draws, times, curl - back, duration=(6.0, 25.0))[..., 0]
    bend = bend + wander(draws, times, 5, 1, lo=6.0, hi=25.0)[..., 0] * 0.05
    steps = draws.normal(1, 9, 3) * draws.log_uniform(1, 1, 1, lo=0.05, hi=0.9)
    travel = stop_and_go(draws, times, steps, duration=(7.0, 40.0))[:, :, 0]
    travel = travel + wander(draws, times, 1, 3, lo=6.0, hi=30.0)[:, :, 0] * 0.03
    travel = travel - travel[:, stage.anchor, None]
    tilt = draws.normal(1, 6, 3) * draws.log_uniform(1, 1, 1, lo=0.05, hi=0.7)
    turn = draws.normal(1, 3) * 1.2 + stop_and_go(draws, times, tilt)[:, :, 0]
    zero = torch.zeros(n, T, device=draws.device)
    starts, ends = [], []
    wrist = torch.stack([zero, zero + 0.35, zero], -1)
    knuckles = torch.stack([zero, zero - 0.05, zero], -1)
    elbow = torch.stack([zero + 0.2, zero + 1.6, zero + 0.1], -1)
    starts += [wrist, elbow]
    ends += [knuckles, wrist]
    for i in range(5):
        out = (i - 2) * 0.16
        base = torch.stack([zero + out * 1.1, zero - (0.05 if i else -0.2), zero], -1)
        a, spread = bend[..., i], 0.5 * out + (-0.5 if i == 0 else 0.0)
        first = torch.stack([torch.sin(zero + spread), -torch.cos(a), -torch.sin(a)], -1)
        b = 2.0 * a
        second = torch.stack([torch.sin(zero + spread), -torch.cos(b), -torch.sin(b)], -1)
        middle = base + 0.24 * first
        starts += [base, middle]
        ends += [middle, middle + 0.24 * second]
    matrix = rotation(turn)[:, :, None]
    place = travel[:, :, None]
    start, end = (
        (matrix * torch.stack(part, 2)[..., None, :]).sum(-1) + place for part in (starts, ends)
    )
    r = (0.2, 0.14, *(0.07, 0.06) * 5)
    return start, end, torch.tensor(r, device=draws.device) * draws.uniform(1, lo=0.8, hi=1.2)
