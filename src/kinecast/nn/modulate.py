"""How a branch is modulated before its operation and gated after it: (x, cond) -> (x', gate)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class LearnedGate(nn.Module):
    """No modulation; one learned gate per channel, 0 at first: the branch starts as nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.zeros(width))

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: None = None
    ) -> tuple[Float[Tensor, "b *tokens d"], Float[Tensor, " d"]]:
        """x as it is, and the gate."""
        return x, self.gate


class AdaLN(nn.Module):
    """x (1 + scale) + shift, and a gate: all three linear in SiLU(cond), one row per sample.

    Starts as the identity with gate 1 (TrajLoom).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        nn.init.ones_(self.linear.bias[2 * width :])

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b *tokens d"], Float[Tensor, "b *ones d"]]:
        """Modulated x, and the gate, broadcastable to x."""
        rows = self.linear(F.silu(cond)).view(len(x), *[1] * (x.ndim - 2), -1)
        shift, scale, gate = rows.chunk(3, dim=-1)
        return torch.addcmul(shift, x, 1 + scale.to(x.dtype)), gate
