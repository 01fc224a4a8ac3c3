"""Factorised mixing: an operation over rows of tokens, along time or along space.

Tokens are (b t n d): steps t, points n. Rows of one context are neighbours, so that a context that
samples share needs no copy: along space (b t) rows of n, along time (n b) rows of t.
"""

from collections.abc import Mapping
from typing import Any, Literal

from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.nn.attention import KeyValue

Axis = Literal["space", "time"]
ROWS = {"space": "b t n d -> (b t) n d", "time": "b t n d -> (n b) t d"}
TOKENS = {"space": "(b t) n d -> b t n d", "time": "(n b) t d -> b t n d"}


def to_rows(x: Float[Tensor, "b t n d"], axis: Axis) -> Float[Tensor, "m l d"]:
    """The rows that `axis` mixes."""
    rows: Tensor = rearrange(x, ROWS[axis])
    return rows.contiguous()  # else torch multiplies them one batch at a time


class Along(nn.Module):
    """Runs `op`, which mixes the tokens of a row, along one axis of (b t n d) tokens."""

    def __init__(self, axis: Axis, op: nn.Module) -> None:
        super().__init__()
        self.axis, self.op = axis, op
        self.free = 1 if axis == "space" else 2  # see `block.Branch`

    def forward(
        self, x: Float[Tensor, "b t n d"], mask: Bool[Tensor, "#b n"] | None = None, **inputs: Any
    ) -> Float[Tensor, "b t n d"]:
        """Run it; points where `mask` is False take no part in mixing along space."""
        if mask is not None and self.axis == "space":
            b, t = x.shape[:2]
            inputs["mask"] = mask.expand(b, -1).repeat_interleave(t, dim=0)
        rows = self.op(to_rows(x, self.axis), **inputs)
        out: Tensor = rearrange(rows, TOKENS[self.axis], b=len(x))
        return out

    def narrow(
        self, inputs: Mapping[str, Any], start: int, stop: int, count: int
    ) -> Mapping[str, Any]:
        """What of `inputs` entries [start, stop) of `count` along the free axis need.

        All of it, but for the contexts of rows along time, which each point has its own of.
        """
        context: KeyValue | None = inputs.get("context")
        if self.axis == "space" or context is None:
            return inputs
        each = len(context.key) // count
        return {**inputs, "context": context.rows(start * each, stop * each)}
