"""A transformer block: a list of residual branches."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from kinecast.nn.attention import SelfAttention
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import LearnedGate
from kinecast.nn.norm import RMSNorm
from kinecast.nn.parts import parts_of


class Branch(nn.Module):
    """x + gate * op(modulate(norm(x))); a modulation without a gate gives None for it.

    An operation may have an attribute `free`: an axis of x along which it does not mix (and, if it
    takes inputs, a method `narrow` for its inputs along it). A CPU then works on x part by part, if
    no gradient is asked for: what a part becomes on its way, up to four times as wide as x, stays
    in the cache, and is never held for all of x.
    """

    def __init__(self, norm: nn.Module, modulate: nn.Module, op: nn.Module) -> None:
        super().__init__()
        self.norm, self.modulate, self.op = norm, modulate, op

    def forward(
        self,
        x: Float[Tensor, "b *tokens d"],
        cond: Float[Tensor, "b c"] | None = None,
        **inputs: Any,
    ) -> Float[Tensor, "b *tokens d"]:
        """One residual step; `inputs` go to the operation."""
        parts = parts_of(x)
        free: int | None = getattr(self.op, "free", None)
        if free is None or parts == 1:
            return self._step(x, cond, inputs)
        out, start, count = x[:0], 0, x.shape[free]
        for part in x.tensor_split(min(parts, count), dim=free):
            stop = start + part.shape[free]
            own = cast(Any, self.op).narrow(inputs, start, stop, count) if inputs else inputs
            step = self._step(part, cond, own)
            if start == 0:
                out = torch.empty(x.shape, dtype=step.dtype)
            out.narrow(free, start, stop - start).copy_(step)
            start = stop
        return out

    def _step(
        self, x: Float[Tensor, "b *tokens d"], cond: Tensor | None, inputs: Mapping[str, Any]
    ) -> Float[Tensor, "b *tokens d"]:
        y, gate = self.modulate(self.norm(x), cond)
        out: Tensor = self.op(y, **inputs)
        return x + out if gate is None else torch.addcmul(x, gate, out)


class Block(nn.ModuleDict):
    """Named branches, applied in order.

    Attributes:
        recompute: keep none of its activations for the gradient, compute them again.
    """

    recompute = False

    def forward(
        self,
        x: Float[Tensor, "b *tokens d"],
        cond: Float[Tensor, "b c"] | None = None,
        inputs: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Float[Tensor, "b *tokens d"]:
        """Apply the branches; `inputs` maps a branch to what its operation takes beside x."""
        if self.recompute and torch.is_grad_enabled():
            out: Tensor = checkpoint(self._branches, x, cond, inputs, use_reentrant=False)
            return out
        return self._branches(x, cond, inputs)

    def _branches(
        self,
        x: Float[Tensor, "b *tokens d"],
        cond: Tensor | None,
        inputs: Mapping[str, Mapping[str, Any]] | None,
    ) -> Float[Tensor, "b *tokens d"]:
        for name, branch in self.items():
            x = branch(x, cond, **(inputs or {}).get(name, {}))
        return x


def blocks(network: nn.Module) -> list[Block]:
    """All blocks of a network."""
    return [module for module in network.modules() if isinstance(module, Block)]


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
