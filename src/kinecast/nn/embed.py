"""Embeddings of times and positions."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


def sinusoid(values: Float[Tensor, "*rows"], width: int) -> Float[Tensor, "*rows width"]:
    """[cos(v f), sin(v f)], f_i = 10000^(-i / half), in float32 (flow times, frame indices)."""
    half = width // 2
    index = torch.arange(half, dtype=torch.float32, device=values.device)
    angle = values.float()[..., None] * torch.exp(-math.log(10000.0) * index / half)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def sincos_1d(positions: Float[Tensor, " n"], width: int) -> Float[Tensor, "n width"]:
    """[sin(p f), cos(p f)], f_i = 10000^(-i / half), computed in float64."""
    half = width // 2
    frequency = 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = positions.double()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1).float()


def sincos_2d(h: int, w: int, width: int) -> Float[Tensor, "n width"]:
    """Row-major h x w cells: the column's embedding, then the row's, half the width each."""
    row, column = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    halves = [sincos_1d(index.flatten().float(), width // 2) for index in (column, row)]
    return torch.cat(halves, dim=-1)


class FourierFeatures(nn.Module):
    """[cos(x w), sin(x w)] / sqrt(width) of points x, for random frequencies w ~ N(0, 1).

    They stay as drawn, or are `learned`.
    """

    def __init__(self, dimensions: int, width: int, *, learned: bool = False) -> None:
        super().__init__()
        frequency = nn.init.normal_(torch.empty(width // 2, dimensions))
        self.frequency: Tensor
        if learned:
            self.frequency = nn.Parameter(frequency)
        else:
            self.register_buffer("frequency", frequency)

    def forward(self, x: Float[Tensor, "*rows k"]) -> Float[Tensor, "*rows width"]:
        """Features of x."""
        angle = x @ self.frequency.T
        return torch.cat([angle.cos(), angle.sin()], dim=-1) / math.sqrt(2 * angle.shape[-1])
