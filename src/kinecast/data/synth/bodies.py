"""Bodies from paths: tumbling solids, limbs between joints, clutter that stands still."""

import torch
from torch import Tensor

from kinecast.data.synth.camera import View
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.motion import rotation
from kinecast.data.synth.scene import Bodies


def solids(path: Tensor, turn: Tensor, half: Tensor) -> Bodies:
    """Bodies along a path.

    Args:
        path: (n, T, k, 3).
        turn: (n, T, k, 3) rotation vectors, radians.
        half: (n, k, 3) semi-axes.
    """
    return Bodies(path, rotation(turn) * half[:, None, :, None, :])


def limbs(start: Tensor, end: Tensor, radius: Tensor) -> Bodies:
    """Ellipsoids that span pairs of joints without twisting.

    Args:
        start, end: (n, T, k, 3).
        radius: (n, k) of the cross-section.
    """
    bone = 0.5 * (end - start)
    length = bone.norm(dim=-1, keepdim=True).clamp(min=1e-4)
    along = bone / length
    side = _transported(along)
    other = torch.linalg.cross(along, side)
    r = radius[:, None, :, None]
    axes = torch.stack([along * (length + 0.6 * r), side * r, other * r], -1)
    return Bodies(0.5 * (start + end), axes)


def _transported(along: Tensor) -> Tensor:
    """Unit vectors across `along` (n, T, k, 3) that turn as little as possible over time."""
    first = along[:, 0]
    least = torch.nn.functional.one_hot(first.abs().argmin(-1), 3).float()
    side, out = least, []
    for t in range(along.shape[1]):
        a = along[:, t]
        side = side - (side * a).sum(-1, keepdim=True) * a
        side = side / side.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        out.append(side)
    return torch.stack(out, 1)


def clutter(draws: Draws, view: View, count: int, floor: Tensor | None = None) -> Bodies:
    """Things that stand still around the scene; with a floor (n,), they stand on it."""
    T = view.stage.frames
    x = draws.uniform(count, lo=-1.3, hi=1.3) * view.aspect
    y = draws.uniform(count, lo=-1.0, hi=1.0)
    place = view.place(x, y, draws.log_uniform(count, lo=0.7, hi=4.0))
    half = draws.log_uniform(count, 3, lo=0.08, hi=0.9) * (
        place[..., 2:] / view.depth[:, None, None]
    ).clamp(0.5, 4)
    if floor is not None:
        up = floor[:, None] - half[..., 1]
        place = torch.stack([place[..., 0], up, place[..., 2]], -1)
    turn = torch.zeros_like(place)
    turn[..., 1] = draws.uniform(count, lo=-1.6, hi=1.6)
    body = solids(place[:, None].expand(-1, T, -1, -1), turn[:, None].expand(-1, T, -1, -1), half)
    share = draws.uniform(1)
    return body.hide(draws.uniform(count) > share)
