"""Half precision for what is large: the matrices of transformer blocks, and what they multiply.

All else stays in float32: coordinates and offsets, their embeddings and those of time, modulations,
norms, the residual stream, the state of the flow and every output.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.nn.block import Branch, blocks


class HalfLinear(nn.Module):
    """A linear layer in half precision: it rounds what it is given, and gives what it has.

    Args:
        linear: whose weights it takes, rounded.
        dtype: bfloat16 or float16.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = nn.Parameter(linear.weight.detach().to(dtype), requires_grad=False)
        self.bias: nn.Parameter | None = None
        if linear.bias is not None:
            self.bias = nn.Parameter(linear.bias.detach().to(dtype), requires_grad=False)

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows e"]:
        """x W' + b."""
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


def halve(network: nn.Module, dtype: torch.dtype) -> None:
    """Make the operations of every block of a network work in half precision, for inference.

    Modulations and norms, and feed-forward branches outside blocks (which embed coordinates and
    times in ZipMo), are left as they are.
    """
    for block in blocks(network):
        for branch in block.values():
            assert isinstance(branch, Branch)
            for owner in list(branch.op.modules()):
                for name, layer in list(owner.named_children()):
                    if isinstance(layer, nn.Linear):
                        setattr(owner, name, HalfLinear(layer, dtype))
