"""The pointwise two-layer network of a transformer block."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear, GELU (erf), Linear; `hidden` units between."""

    free = 1  # see `block.Branch`
    approximate = "none"  # of GELU

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width if out is None else out)

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows e"]:
        """Each token on its own."""
        rows = x.reshape(-1, x.shape[-1])  # of two dimensions: then a layer is one matrix product
        out: Tensor = self.down(F.gelu(self.up(rows), approximate=self.approximate))
        return out.view(*x.shape[:-1], -1)
