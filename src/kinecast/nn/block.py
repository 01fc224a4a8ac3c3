"""A transformer block: a list of residual branches."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.nn.attention import SelfAttention
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import LearnedGate
from kinecast.nn.norm import RMSNorm


class Branch(nn.Module):
    """x + gate * op(modulate(norm(x)))."""

    def __init__(self, norm: nn.Module, modulate: nn.Module, op: nn.Module) -> None:
        super().__init__()
        self.norm, self.modulate, self.op = norm, modulate, op

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: Float[Tensor, "b d"] | None, **inputs: Any
    ) -> Float[Tensor, "b *tokens d"]:
        """One residual step; `inputs` go to the operation."""
        y, gate = self.modulate(self.norm(x), cond)
        out: Tensor = torch.addcmul(x, gate, self.op(y, **inputs))
        return out


class Block(nn.ModuleDict):
    """Named branches, applied in order."""

    def forward(
        self,
        x: Float[Tensor, "b *tokens d"],
        cond: Float[Tensor, "b d"] | None = None,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Float[Tensor, "b *tokens d"]:
        """Apply the branches; `inputs` maps a branch to what its operation takes beside x."""
        for name, branch in self.items():
            x = branch(x, cond, **(inputs or {}).get(name, {}))
        return x


def gated_block(width: int, heads: int) -> Block:
    """Self-attention, then an MLP, each behind a learned gate: at first the identity."""
    ops = {
        "attention": SelfAttention(width, heads, qk_norm=True),
        "mlp": MLP(width, 4 * width),
    }
    return Block(
        {
            name: Branch(RMSNorm(width, learned=True), LearnedGate(width), op)
            for name, op in ops.items()
        }
    )
