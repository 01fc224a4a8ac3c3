"""ZipMo's transformer layer: cosine attention with rotary positions, and SwiGLU; no biases.

Source: ZipMo, appendix B and table F.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.nn.attention import KeyValue, attend, split_heads
from kinecast.nn.block import Block, Branch
from kinecast.nn.norm import EPS, RMSNorm
from kinecast.systems.zipmo.rope import Rotation

EXPANSION = 3  # hidden units of a feed-forward block per channel
TEMPERATURE = 10.0  # of attention, at first


class Rotations(NamedTuple):
    """Of a layer's tokens, in its self-attention and in its cross-attention."""

    own: Rotation
    cross: Rotation | None


class Plain(nn.Module):
    """No modulation and no gate."""

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: Float[Tensor, "b c"] | None = None
    ) -> tuple[Float[Tensor, "b *tokens d"], None]:
        """x as it is."""
        return x, None


class Scale(nn.Module):
    """x (1 + W cond), without a gate: with a plain norm before it, AdaRMSNorm."""

    def __init__(self, width: int, cond_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(cond_width, width, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: Float[Tensor, "b c"]
    ) -> tuple[Float[Tensor, "b *tokens d"], None]:
        """Scaled x."""
        scale = self.linear(cond).view(len(x), *[1] * (x.ndim - 2), -1)
        return torch.addcmul(x, x, scale), None


class SwiGLU(nn.Module):
    """down(value * SiLU(gate)); value is the first half of up(x), gate the second."""

    free = 1  # see `nn.block.Branch`

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows d"]:
        """Each token on its own."""
        value, gate = self.up(x).chunk(2, dim=-1)
        out: Tensor = self.down(value * F.silu(gate))
        return out


class CosineSelfAttention(nn.Module):
    """Attention of each row with itself by the cosine of queries and keys.

    Args:
        width, heads: D and the number of heads that share it.
        rope: makes the rotation of the tokens' positions, for whoever calls `forward`.
    """

    def __init__(self, width: int, heads: int, rope: nn.Module) -> None:
        super().__init__()
        self.heads, self.rope = heads, rope
        self.temperature = nn.Parameter(torch.full((heads,), TEMPERATURE))
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = _zero_linear(width)

    def forward(self, x: Float[Tensor, "m l d"], rotation: Rotation) -> Float[Tensor, "m l d"]:
        """Attend; `rotation` is `rope(positions)`."""
        query, key, value = (split_heads(y, self.heads) for y in self.qkv(x).chunk(3, dim=-1))
        query, key = (rotation(unit(y, self.temperature)) for y in (query, key))
        out: Tensor = self.out(attend(query, KeyValue(key, value), scale=1.0))
        return out


class CosineCrossAttention(nn.Module):
    """Attention of rows to a context, in two parts: `project` once per clip, `forward` often.

    Args:
        width, context_width: channels of the rows and of the context.
        rope: of queries and keys, or None where they have no positions.
    """

    def __init__(
        self, width: int, context_width: int, heads: int, rope: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.heads, self.rope = heads, rope
        self.temperature = nn.Parameter(torch.full((heads,), TEMPERATURE))
        self.context_norm = RMSNorm(context_width, learned=True)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(context_width, 2 * width, bias=False)
        self.out = _zero_linear(width)

    def project(
        self, context: Float[Tensor, "g s c"], rotation: Rotation | None = None
    ) -> KeyValue:
        """Keys, turned to the context's positions, and values; they depend on nothing else."""
        rows = self.key_value(self.context_norm(context)).chunk(2, dim=-1)
        key, value = (split_heads(y, self.heads) for y in rows)
        key = unit(key, self.temperature)
        return KeyValue(key if rotation is None else rotation(key), value)

    def forward(
        self, x: Float[Tensor, "m l d"], context: KeyValue, rotation: Rotation | None = None
    ) -> Float[Tensor, "m l d"]:
        """Attend; m is a multiple of g, and m/g neighbouring rows share one context, uncopied."""
        query = unit(split_heads(self.query(x), self.heads), self.temperature)
        if rotation is not None:
            query = rotation(query)
        groups = len(context.key)
        if groups != len(x):
            query = query.unflatten(0, (groups, -1)).transpose(1, 2).flatten(2, 3)
        out: Tensor = self.out(attend(query, context, scale=1.0).reshape(x.shape))
        return out


def unit(
    x: Float[Tensor, "m heads l e"], temperature: Float[Tensor, " heads"]
) -> Float[Tensor, "m heads l e"]:
    """x sqrt(temperature) / sqrt(sum(x^2) + 1e-6) per head: queries times keys are cosines."""
    e = x.shape[-1]
    length = (temperature.float() / e).sqrt().to(x.dtype)
    return F.rms_norm(x, (e,), eps=EPS / e) * length[:, None, None]


def token(*shape: int) -> nn.Parameter:
    """A learned vector, or several, that starts small."""
    return nn.Parameter(nn.init.normal_(torch.empty(shape), std=0.02))


def feed_forward(width: int, hidden: int | None = None) -> Branch:
    """x + SwiGLU(norm(x))."""
    hidden = EXPANSION * width if hidden is None else hidden
    return Branch(RMSNorm(width, learned=True), Plain(), SwiGLU(width, hidden))


def _zero_linear(width: int) -> nn.Linear:
    linear = nn.Linear(width, width, bias=False)
    nn.init.zeros_(linear.weight)  # a branch starts as nothing
    return linear


def layer(
    width: int,
    attention: CosineSelfAttention,
    cross: CosineCrossAttention | None = None,
    cond_width: int | None = None,
) -> Block:
    """Branches "self", "cross" (where there is a context) and "mlp", each residual.

    Args:
        cond_width: of the time code that scales every norm; None: the norms learn their scale.
    """
    ops: dict[str, nn.Module] = {"self": attention}
    if cross is not None:
        ops["cross"] = cross
    ops["mlp"] = SwiGLU(width, EXPANSION * width)

    def branch(op: nn.Module) -> Branch:
        if cond_width is None:
            return Branch(RMSNorm(width, learned=True), Plain(), op)
        return Branch(RMSNorm(width, learned=False), Scale(width, cond_width), op)

    return Block({name: branch(op) for name, op in ops.items()})


class Stack(nn.ModuleList):
    """Layers, and what of their work depends on positions and contexts alone."""

    def blocks(self) -> list[Any]:
        """The layers."""
        return list(self)

    def rotations(self, positions: Float[Tensor, "b l axes"]) -> Iterator[Rotations]:
        """Each layer's rotations of the tokens, made when asked for; keep a list to reuse them."""
        for block in self.blocks():
            cross = block["cross"].op.rope if "cross" in block else None
            turned = block["self"].op.rope(positions)
            yield Rotations(turned, None if cross is None else cross(positions))

    def contexts(
        self, context: Float[Tensor, "g s c"], positions: Float[Tensor, "#g s axes"] | None = None
    ) -> list[KeyValue]:
        """Each layer's keys and values of a context; positions None: its keys are not turned."""
        ops = [block["cross"].op for block in self.blocks()]
        if positions is None:
            return [op.project(context) for op in ops]
        return [op.project(context, op.rope(positions)) for op in ops]

    def forward(
        self,
        x: Float[Tensor, "b l d"],
        rotations: Iterable[Rotations],
        contexts: Iterable[KeyValue] | None = None,
        cond: Float[Tensor, "b c"] | None = None,
    ) -> Float[Tensor, "b l d"]:
        """All layers, with what `rotations` and `contexts` made for each."""
        kept = repeat(None) if contexts is None else contexts
        for block, turned, context in zip(self.blocks(), rotations, kept, strict=False):
            inputs: dict[str, dict[str, Any]] = {"self": {"rotation": turned.own}}
            if context is not None:
                inputs["cross"] = {"context": context, "rotation": turned.cross}
            x = block(x, cond, inputs)
        return x
