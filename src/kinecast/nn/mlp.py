"""The pointwise two-layer network of a transformer block."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear, GELU (erf), Linear; `hidden` units between."""

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width if out is None else out)

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows e"]:
        """Each token on its own."""
        out: Tensor = self.down(F.gelu(self.up(x)))
        return out
