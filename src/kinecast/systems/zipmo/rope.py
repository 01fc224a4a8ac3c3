"""Axial rotary positions with stored frequencies.

Source: ZipMo, appendix B (3-d RoPE); the released code's layout of frequencies. A head of width e
turns its first a dimensions against the next a, by a = 3 e/8 angles for (t, y, x), e/4 for (y, x)
or for a token's index; the rest stays as it is.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

THETA_40 = 40 * math.pi  # highest yx frequency of the VAE and of the LIBERO planner's attention
THETA_10 = 10 * 3.14  # of the poke planners; not 10 pi in the released code
THETA_TIME = 10 * math.pi


class Rotation(NamedTuple):
    """Cosine and sine of every token's angles, in float32."""

    cos: Float[Tensor, "b heads l a"]
    sin: Float[Tensor, "b heads l a"]

    def __call__(self, x: Float[Tensor, "m heads l e"]) -> Float[Tensor, "m heads l e"]:
        """Turn x; m is b, or b is 1."""
        a = self.cos.shape[-1]
        first, second = x[..., :a].float(), x[..., a : 2 * a].float()
        turned = first * self.cos - second * self.sin, second * self.cos + first * self.sin
        return torch.cat([*(y.to(x.dtype) for y in turned), x[..., 2 * a :]], dim=-1)


class AxialRope(nn.Module):
    """Angle of a position along an axis = position * frequency, per head.

    Args:
        frequency: of each axis and head.
        trained: whether the frequencies are parameters.
    """

    def __init__(self, frequency: Float[Tensor, "axes heads n"], *, trained: bool) -> None:
        super().__init__()
        self.frequency: Tensor
        if trained:
            self.frequency = nn.Parameter(frequency)
        else:
            self.register_buffer("frequency", frequency)

    def forward(self, positions: Float[Tensor, "b l axes"]) -> Rotation:
        """The rotation at each position; axes in the order of the frequencies."""
        return rotation(positions, self.frequency)


class SpaceTimeRope(nn.Module):
    """Axial rotary positions (t, y, x); time and space keep frequencies of their own."""

    def __init__(self, heads: int, width: int, theta: float) -> None:
        super().__init__()
        n = width // 8
        space = log_spaced(0.0, math.log(theta), heads, n)
        self.time = nn.Parameter(log_spaced(0.0, math.log(THETA_TIME), heads, n))
        self.yx = nn.Parameter(torch.stack([space, space]))

    def forward(self, positions: Float[Tensor, "b l 3"]) -> Rotation:
        """The rotation at each position (t, y, x)."""
        return rotation(positions, torch.cat([self.time[None], self.yx]))


def plane_rope(heads: int, width: int) -> AxialRope:
    """Positions (y, x)."""
    frequency = log_spaced(0.0, math.log(THETA_40), heads, width // 8)
    return AxialRope(torch.stack([frequency, frequency]), trained=True)


def index_rope(heads: int, width: int) -> AxialRope:
    """A token's index: 0, 1, 2, ..."""
    return AxialRope(log_spaced(math.log(1 / 1000), 0.0, heads, width // 4)[None], trained=False)


def log_spaced(low: float, high: float, heads: int, n: int) -> Float[Tensor, "heads n"]:
    """exp of n * heads equal steps from low to below high, dealt to the heads in turn."""
    return torch.linspace(low, high, n * heads + 1)[:-1].exp().view(n, heads).T.contiguous()


def angles(
    positions: Float[Tensor, "b l axes"], frequency: Float[Tensor, "axes heads n"]
) -> Float[Tensor, "b heads l a"]:
    """Per head, the axes' angles side by side, in float32."""
    per_head = frequency.float().transpose(0, 1)[:, None]
    return (positions.float()[:, None, :, :, None] * per_head).flatten(3)


def rotation(
    positions: Float[Tensor, "b l axes"], frequency: Float[Tensor, "axes heads n"]
) -> Rotation:
    """Cosine and sine of the angles."""
    theta = angles(positions, frequency)
    return Rotation(theta.cos(), theta.sin())
