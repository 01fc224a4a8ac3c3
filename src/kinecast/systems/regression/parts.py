"""What both regressors are made of."""

from collections.abc import Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.nn.attention import CrossAttention, KeyValue
from kinecast.nn.block import Block, Branch
from kinecast.nn.embed import FourierFeatures
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import LearnedGate
from kinecast.nn.norm import RMSNorm

PLACE = 64  # Fourier features of a point's place
REACH = 256.0  # reference pixels: about a third of the frame's width


class Place(nn.Module):
    """Where a point is -> tokens: Fourier features of learned frequencies, projected."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fourier = FourierFeatures(2, PLACE, learned=True)
        self.project = nn.Linear(PLACE, width)

    def forward(self, xy: Float[Tensor, "b n 2"], size: Size) -> Float[Tensor, "b n d"]:
        """Of normalised points; distances count alike in x and y."""
        place = coords.displacement_to_reference(xy, size) / REACH
        tokens: Tensor = self.project(self.fourier(place))
        return tokens


class Head(nn.Module):
    """Tokens -> displacements and visibility logits of each frame; at first all zero."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width, learned=True)
        self.out = nn.Linear(width, 3 * frames)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, tokens: Float[Tensor, "b n d"]
    ) -> tuple[Float[Tensor, "b n t 2"], Float[Tensor, "b n t"]]:
        """Displacements in the caller's unit, and logits; in float32."""
        out = self.out(self.norm(tokens)).float().unflatten(-1, (-1, 3))
        return out[..., :2], out[..., 2]


def reading_block(width: int, heads: int) -> Block:
    """Each token reads a context, then an MLP, both behind learned gates; tokens stay apart."""
    ops: dict[str, nn.Module] = {
        "cross": CrossAttention(width, heads, qk_norm=True),
        "mlp": MLP(width, 4 * width),
    }
    return Block(
        {
            name: Branch(RMSNorm(width, learned=True), LearnedGate(width), op)
            for name, op in ops.items()
        }
    )


def keys_of(blocks: Iterable[Any], context: Float[Tensor, "b s d"]) -> list[KeyValue]:
    """Each reading block's keys and values of a context."""
    return [block["cross"].op.project(context) for block in blocks]


def read(blocks: nn.ModuleList, x: Float[Tensor, "b n d"], keys: list[KeyValue]) -> Tensor:
    """Run reading blocks, each on its keys and values of the context."""
    for block, key in zip(blocks, keys, strict=True):
        x = block(x, None, {"cross": {"context": key}})
    return x
