"""The noise of the authors' TrajLoom scripts."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinecast.systems.trajloom.boundary import SPREAD, anchored


def normal(shape: Sequence[int], seed: int) -> Tensor:
    """Standard normal, drawn by torch on the CPU."""
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))


def anchor_first(history: Tensor, seed: int, spread: float = SPREAD) -> Tensor:
    """All latent steps, then the first one once more, around the last step of the history."""
    draws = torch.Generator().manual_seed(seed)
    noise = torch.randn(history.shape, generator=draws)
    noise[:, :1] = torch.randn(history[:, :1].shape, generator=draws)
    return anchored(noise, history[:, -1], spread)
