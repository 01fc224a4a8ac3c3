"""A clip's random numbers: one block of uniforms, handed out in order.

Everything about a clip comes from its own block: it is the same whatever batch it is made in.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kinecast.core import rng

BLOCK = 4096  # uniforms a clip


class Draws:
    """Blocks (n, BLOCK) of uniforms in (0, 1); each call takes the next columns of every clip."""

    def __init__(self, block: Tensor) -> None:
        self._block = block
        self._at = 0

    @classmethod
    def of(cls, seed: int, family: int, clips: Sequence[int], device: torch.device) -> "Draws":
        """The blocks of `clips`, each drawn on the CPU from (seed, family, clip)."""
        rows = [torch.rand(BLOCK, generator=rng.generator(seed, family, i)) for i in clips]
        return cls(torch.stack(rows).clamp_(1e-6, 1 - 1e-6).to(device))

    def __len__(self) -> int:
        """Number of clips n."""
        return len(self._block)

    @property
    def device(self) -> torch.device:
        """Where the numbers live."""
        return self._block.device

    def uniform(self, *shape: int, lo: float = 0.0, hi: float = 1.0) -> Tensor:
        """Uniform in (lo, hi), float32 (n, *shape)."""
        count = math.prod(shape)
        if self._at + count > BLOCK:
            raise ValueError(f"a world asks for more than the {BLOCK} uniforms of a clip")
        taken = self._block[:, self._at : self._at + count].contiguous()
        self._at += count
        return lo + (hi - lo) * taken.view(-1, *shape)

    def log_uniform(self, *shape: int, lo: float, hi: float) -> Tensor:
        """Log-uniform in (lo, hi): every scale is as likely."""
        return torch.exp(self.uniform(*shape, lo=math.log(lo), hi=math.log(hi)))

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.erfinv(self.uniform(*shape, lo=-1.0, hi=1.0)) * math.sqrt(2.0)

    def sign(self, *shape: int) -> Tensor:
        """-1 or 1."""
        return torch.where(self.uniform(*shape) < 0.5, -1.0, 1.0)

    def chance(self, probability: float, *shape: int) -> Tensor:
        """True with the given probability, bool."""
        return self.uniform(*shape) < probability

    def pick(self, weights: Sequence[float], *shape: int) -> Tensor:
        """An index into `weights`, with these weights, int64."""
        total = torch.tensor(weights, device=self.device).cumsum(0)
        value = self.uniform(*shape) * total[-1]
        return torch.searchsorted(total, value, right=True).clamp_(max=len(weights) - 1)

    def direction(self, *shape: int) -> Tensor:
        """A direction in space, unit (n, *shape, 3)."""
        v = self.normal(*shape, 3)
        return v / v.norm(dim=-1, keepdim=True).clamp(min=1e-6)
