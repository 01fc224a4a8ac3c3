"""Self- and cross-attention over rows of tokens."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.norm import RMSNorm
from kinecast.nn.parts import parts_of

SCORES = 1 << 22  # of queries with keys, held at once


class KeyValue(NamedTuple):
    """Keys and values of a context, projected once and attended to as often as needed."""

    key: Float[Tensor, "g heads s e"]
    value: Float[Tensor, "g heads s e"]
    mask: Bool[Tensor, "g s"] | None = None  # False: padding, not attended to

    def rows(self, start: int, stop: int) -> "KeyValue":
        """Of contexts [start, stop)."""
        mask = None if self.mask is None else self.mask[start:stop]
        return KeyValue(self.key[start:stop], self.value[start:stop], mask)


class SelfAttention(nn.Module):
    """Multi-head attention of each row with itself.

    Args:
        width, heads: D and the number of heads that share it.
        qk_norm: RMS-normalise queries and keys per head.
    """

    def __init__(self, width: int, heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.norm = _head_norm(width, heads, qk_norm)
        self.out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "m l d"], mask: Bool[Tensor, "m l"] | None = None
    ) -> Float[Tensor, "m l d"]:
        """Attend; tokens where `mask` is False are seen by none."""
        query, key, value = (split_heads(y, self.heads) for y in self.qkv(x).chunk(3, dim=-1))
        out: Tensor = self.out(attend(self.norm(query), KeyValue(self.norm(key), value, mask)))
        return out


class CrossAttention(nn.Module):
    """Multi-head attention of rows to a context, in two parts: `project` once, `forward` often."""

    def __init__(self, width: int, heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.norm = _head_norm(width, heads, qk_norm)
        self.out = nn.Linear(width, width)

    def project(
        self, context: Float[Tensor, "g s d"], mask: Bool[Tensor, "g s"] | None = None
    ) -> KeyValue:
        """Keys and values of `context`; they depend on nothing else, and hold nothing else."""
        parts = context.tensor_split(min(parts_of(context), len(context)))
        if len(parts) == 1:
            return KeyValue(*self._keys_and_values(context), mask)
        shape = (len(context), self.heads, context.shape[1], context.shape[2] // self.heads)
        key, value = (torch.empty(shape, dtype=self.key_value.weight.dtype) for _ in range(2))
        start = 0
        for part in parts:
            stop = start + len(part)
            key[start:stop], value[start:stop] = self._keys_and_values(part)
            start = stop
        return KeyValue(key, value, mask)

    def _keys_and_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        key, value = (split_heads(y, self.heads) for y in self.key_value(context).chunk(2, dim=-1))
        return self.norm(key).contiguous(), value.contiguous()

    def forward(self, x: Float[Tensor, "m l d"], context: KeyValue) -> Float[Tensor, "m l d"]:
        """Attend; m is a multiple of g, and m/g neighbouring rows share one context, uncopied."""
        groups = len(context.key)
        if len(x) % groups:
            raise ValueError(f"expected rows for each of {groups} contexts, got {len(x)} rows")
        query = split_heads(self.query(x).reshape(groups, -1, x.shape[-1]), self.heads)
        out: Tensor = self.out(attend(self.norm(query), context).reshape(x.shape))
        return out


def _head_norm(width: int, heads: int, qk_norm: bool) -> nn.Module:
    if width % heads:
        raise UserError(f"expected a width that {heads} heads divide, got {width}")
    return RMSNorm(width // heads, learned=False) if qk_norm else nn.Identity()


def split_heads(x: Float[Tensor, "m l d"], heads: int) -> Float[Tensor, "m heads l e"]:
    """Each head's share of the channels, contiguous."""
    out: Tensor = x.unflatten(-1, (heads, -1)).transpose(1, 2)
    return out


def attend(
    query: Float[Tensor, "m heads l e"], context: KeyValue, scale: float | None = None
) -> Float[Tensor, "m l d"]:
    """softmax(scale q k') v, heads merged; scale None: 1 / sqrt(width of a head)."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    key, value = context.key, context.value
    mask = None if context.mask is None else context.mask[:, None, None]
    if query.device.type == "cpu" and query.dtype == torch.bfloat16 and mask is None:
        out = _by_products(query * scale, key, value)
    else:
        out = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    rows: Tensor = out.transpose(1, 2).flatten(2)
    return rows


def _by_products(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """softmax(q k') v by two matrix products, some queries at a time.

    A CPU's fused kernel is two to four times slower in bfloat16.
    """
    batch, heads, _, _ = query.shape
    most = max(1, SCORES // (batch * heads * key.shape[2]))
    parts = query.split(most, dim=2)
    return torch.cat([(part @ key.mT).softmax(-1) @ value for part in parts], dim=2)
