"""Flow times t in [0, 1] (0 noise, 1 data)."""

import torch
from jaxtyping import Float
from torch import Tensor

EPS = 1e-5  # times that a network sees lie in [EPS, 1 - EPS]


def clamped(t: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """t in [EPS, 1 - EPS]."""
    return t.clamp(EPS, 1.0 - EPS)


def mixture(
    count: int, generator: torch.Generator, small_prob: float = 0.2, small_max: float = 0.1
) -> Float[Tensor, " count"]:
    """Training times: U(0, small_max) with probability `small_prob`, else sigmoid(N(0, 1)).

    Source: TrajLoom, appendix A.2. Draws on the CPU from `generator`.
    """
    small = torch.rand(count, generator=generator) * small_max
    middle = torch.randn(count, generator=generator).sigmoid()
    pick = torch.rand(count, generator=generator) < small_prob
    return clamped(torch.where(pick, small, middle))


def logit_spaced(steps: int) -> Float[Tensor, " times"]:
    """EPS = t_0 < ... < t_steps = 1 - EPS, equal steps in log(t / (1 - t)).

    Source: TrajLoom, appendix A.3 (on-policy rollouts).

    Raises:
        ValueError: steps < 1.
    """
    if steps < 1:
        raise ValueError(f"a rollout needs at least 1 step, got steps={steps}")
    end = torch.logit(torch.tensor(1.0 - EPS, dtype=torch.float64)).item()
    return torch.linspace(-end, end, steps + 1, dtype=torch.float64).sigmoid().float()
