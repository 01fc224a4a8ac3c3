"""The state the flow starts from, for our own models: noise that is smooth across the frame.

What a forecast gets wrong is mostly shared by many points (the camera stops, an object turns), so
residuals are far from independent between tokens. White noise on the lowest two-dimensional cosine
modes is scaled to the spread that the training worlds have there; what remains is scaled alike. The
flow then starts close to its data and learns the rest.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

MODES = 4  # cosine modes along each axis
TINY = 1e-8  # a variance below which the square root has no slope worth having


class SmoothSource(nn.Module):
    """White noise -> noise with the spatial correlation of the training residuals, per channel."""

    tokens: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mode_std = nn.Parameter(torch.ones(MODES**2, channels))
        self.rest_std = nn.Parameter(torch.ones(channels))
        self.register_buffer("tokens", torch.ones(()))  # n of the grid it was fitted on

    def forward(
        self, noise: Float[Tensor, "b n c"], grid: tuple[int, int]
    ) -> Float[Tensor, "b n c"]:
        """Correlate `noise` over a (rows, columns) grid of tokens."""
        modes = cosine_modes(*grid).to(noise)
        rows, columns = (min(MODES, count) for count in grid)
        fitted = self.mode_std.unflatten(0, (MODES, MODES))[:rows, :columns].flatten(0, 1)
        # A motion that is shared adds up over tokens: its power in a mode grows with their number.
        shared = (fitted**2 - self.rest_std**2) * (len(modes[0]) / self.tokens)
        std = (self.rest_std**2 + shared).clamp(min=TINY).sqrt()
        power = torch.einsum("mn,bnc->bmc", modes, noise)
        return noise * self.rest_std + torch.einsum(
            "mn,bmc->bnc", modes, power * (std - self.rest_std)
        )

    @torch.no_grad()
    def fit(self, residuals: Float[Tensor, "b n c"], grid: tuple[int, int]) -> None:
        """Take the spread of `residuals` in each mode and around them.

        Where a grid has too few tokens for that, its finest mode stands for all that is finer.
        """
        modes = cosine_modes(*grid).to(residuals)
        power = torch.einsum("mn,bnc->bmc", modes, residuals)
        spread = power.square().mean(0).sqrt()
        rest = residuals - torch.einsum("mn,bmc->bnc", modes, power)
        free = residuals.shape[1] - len(modes)
        finer = (rest.square().sum(1).mean(0) / free).sqrt() if free else spread[-1]
        rows, columns = (min(MODES, count) for count in grid)
        self.rest_std.copy_(finer)
        self.mode_std.copy_(finer.expand_as(self.mode_std))
        fitted = self.mode_std.view(MODES, MODES, -1)[:rows, :columns]
        fitted.copy_(spread.unflatten(0, (rows, columns)))
        self.tokens.fill_(residuals.shape[1])


def cosine_modes(rows: int, columns: int) -> Float[Tensor, "m n"]:
    """The lowest orthonormal two-dimensional cosine modes (DCT-II) of a grid, row-major."""
    y, x = (_cosines(count) for count in (rows, columns))
    return torch.einsum("ai,bj->abij", y, x).flatten(2).flatten(0, 1)


def _cosines(count: int) -> Float[Tensor, "k l"]:
    order = torch.arange(min(MODES, count))[:, None]
    cosine = torch.cos(math.pi * order * (torch.arange(count) + 0.5) / count)
    return cosine / cosine.norm(dim=1, keepdim=True)
