"""How things move: closed-form paths, vectorised over clips and bodies.

Times are frames. Paths are (n, T, k, d) for n clips, k movers and d coordinates.
"""

import math

import torch
from torch import Tensor

from kinecast.data.synth.draws import Draws


def minimum_jerk(s: Tensor) -> Tensor:
    """0 to 1 with zero speed and acceleration at both ends (Flash and Hogan 1985, equation 4)."""
    s = s.clamp(0.0, 1.0)
    return s * s * s * (10.0 - s * (15.0 - 6.0 * s))


def stop_and_go(
    draws: Draws,
    times: Tensor,
    steps: Tensor,
    *,
    duration: tuple[float, float] = (8.0, 45.0),
    pause: tuple[float, float] = (0.5, 50.0),
    rest: float = 0.6,
) -> Tensor:
    """Moves with pauses between them: reaching, putting down, turning, panning.

    Args:
        steps: (n, k, S, d) what each of S moves adds.
        duration, pause: frames, log-uniform.
        rest: how many of the moves are followed by a pause.

    Returns:
        (n, T, k, d), 0 before the first move; the clip starts anywhere in the first 1.5 moves.
    """
    k, S = steps.shape[1:3]
    moves = draws.log_uniform(k, S, lo=duration[0], hi=duration[1])
    pauses = draws.log_uniform(k, S, lo=pause[0], hi=pause[1]) * draws.chance(rest, k, S)
    begin = _running_total(moves + pauses) - draws.uniform(k, 1) * 1.5 * (moves + pauses)[..., :1]
    t = times[:, None]
    path = torch.zeros_like(steps[:, None, :, 0])
    for s in range(S):
        progress = minimum_jerk((t - begin[:, None, :, s]) / moves[:, None, :, s])
        path = path + progress[..., None] * steps[:, None, :, s]
    return path


def _running_total(lengths: Tensor) -> Tensor:
    """Sum of all earlier entries along the last axis."""
    total, out = torch.zeros_like(lengths[..., 0]), []
    for s in range(lengths.shape[-1]):
        out.append(total)
        total = total + lengths[..., s]
    return torch.stack(out, -1)


def wander(
    draws: Draws,
    times: Tensor,
    k: int,
    d: int,
    *,
    lo: float = 5.0,
    hi: float = 40.0,
    knots: int = 36,
) -> Tensor:
    """A smooth random path of unit variance: Catmull-Rom through normal knots.

    One knot every lo to hi frames, drawn per clip and mover; knots repeat after the last.
    """
    value = draws.normal(k, knots, d)
    every = draws.log_uniform(k, lo=lo, hi=hi)
    position = times[:, None] / every[:, None] + draws.uniform(k)[:, None] * knots  # (n, T, k)
    base = torch.floor(position)
    s = (position - base)[..., None]
    index = base.long()

    def at(shift: int) -> Tensor:
        wrapped = torch.remainder(index + shift, knots).transpose(1, 2)
        return value.gather(2, wrapped[..., None].expand(-1, -1, -1, d)).transpose(1, 2)

    a, b, c, e = at(-1), at(0), at(1), at(2)
    return b + 0.5 * s * (c - a + s * (2 * a - 5 * b + 4 * c - e + s * (3 * (b - c) + e - a)))


def oscillate(
    draws: Draws,
    times: Tensor,
    k: int,
    d: int,
    *,
    lo: float = 10.0,
    hi: float = 90.0,
    terms: int = 2,
) -> Tensor:
    """Periodic motion of unit amplitude: a fundamental of period lo to hi and weaker overtones."""
    period = draws.log_uniform(k, 1, lo=lo, hi=hi)
    path = torch.zeros_like(period[:, None])
    for j in range(terms):
        weight = 1.0 if j == 0 else draws.uniform(k, d, hi=0.5 / j)[:, None]
        phase = draws.uniform(k, d, hi=2 * math.pi)[:, None]
        angle = 2 * math.pi * (j + 1) * times[:, None, None] / period[:, None] + phase
        path = path + weight * torch.sin(angle)
    return path


def on_and_off(draws: Draws, times: Tensor, k: int, switches: int = 4) -> Tensor:
    """A gate (n, T, k, 1) between 0 and 1 that eases on and off a few times."""
    first = draws.chance(0.7, k).float()
    flip = torch.ones(switches, device=draws.device)
    flip[1::2] = -1
    steps = (1 - 2 * first)[:, :, None, None] * flip[:, None]
    path = stop_and_go(draws, times, steps, duration=(8.0, 30.0), pause=(15.0, 120.0), rest=1.0)
    return first[:, None, :, None] + path


def rotation(vector: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians (Rodrigues)."""
    x, y, z = vector.unbind(-1)
    square = x * x + y * y + z * z
    angle = torch.sqrt(square + 1e-12)
    a = torch.sin(angle) / angle
    half = torch.sin(0.5 * angle) / angle
    b = 2 * half * half
    rows = [
        [1 - b * (y * y + z * z), b * x * y - a * z, b * x * z + a * y],
        [b * x * y + a * z, 1 - b * (x * x + z * z), b * y * z - a * x],
        [b * x * z - a * y, b * y * z + a * x, 1 - b * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def smooth(path: Tensor, frames: int) -> Tensor:
    """Centred moving average of (n, T, ...) over 2 * frames + 1, ends held."""
    T = path.shape[1]
    index = torch.arange(T, device=path.device)
    total = torch.zeros_like(path)
    for shift in range(-frames, frames + 1):
        total = total + path[:, (index + shift).clamp(0, T - 1)]
    return total / (2 * frames + 1)


def mixed_paths(
    draws: Draws, times: Tensor, k: int, anchor: int, *, lo: float, hi: float
) -> Tensor:
    """Paths of many kinds, 0 in frame `anchor`: still, steady, reaching, swaying, wandering.

    Args:
        lo, hi: typical reach in units, log-uniform per mover.
    """
    reach = draws.log_uniform(1, k, 1, lo=lo, hi=hi)
    kind = draws.pick([0.2, 0.15, 0.35, 0.15, 0.15], k)[:, None, :, None]
    steady = draws.normal(1, k, 3) / 50.0 * torch.cumsum(on_and_off(draws, times, k), 1)
    steps = draws.normal(k, 9, 3)
    back = torch.cat([torch.zeros_like(steps[:, :, :1]), steps[:, :, :-1]], 2)
    home = draws.chance(0.5, k, 1, 1).float()
    reaching = stop_and_go(draws, times, steps - home * back)
    swaying = oscillate(draws, times, k, 3) * on_and_off(draws, times, k)
    drifting = wander(draws, times, k, 3, lo=8.0, hi=60.0)
    path = torch.zeros_like(drifting)
    for i, way in enumerate((steady, reaching, swaying, drifting), start=1):
        path = torch.where(kind == i, way, path)
    path = path + 0.05 * wander(draws, times, k, 3, lo=4.0, hi=20.0)
    path = path * reach * torch.tensor([1.0, 0.7, 0.6], device=draws.device)
    return path - path[:, anchor, None]
