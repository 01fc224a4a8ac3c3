"""Root-mean-square normalisation."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

EPS = 1e-6


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) over the last axis, times a weight that is learned or absent."""

    def __init__(self, width: int, *, learned: bool, eps: float = EPS) -> None:
        super().__init__()
        self.width, self.eps = width, eps
        self.weight = nn.Parameter(torch.ones(width)) if learned else None

    def forward(self, x: Float[Tensor, "*rows d"]) -> Float[Tensor, "*rows d"]:
        """Normalise."""
        weight = None if self.weight is None else self.weight.to(x.dtype)  # else the kernel is slow
        return F.rms_norm(x, (self.width,), weight, self.eps)
