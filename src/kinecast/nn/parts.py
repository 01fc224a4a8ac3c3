"""In how many parts to work on tokens: a CPU is faster, and needs less memory, part by part."""

import torch
from jaxtyping import Float
from torch import Tensor

PART = 1536  # tokens: the widest of what is made of them is then some megabytes


def parts_of(x: Float[Tensor, "b *tokens d"]) -> int:
    """One, but for many tokens on a CPU without gradients."""
    if x.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling():
        return 1
    if x.ndim < 3:  # one token a sample, as a code of time
        return 1
    return max(1, -(-x[..., 0].numel() // PART))
