"""What the authors' training and benchmarks fix beside the networks.

Source: WHN, appendix (training details; evaluation on Kubric).
"""

import math

import numpy as np
from jaxtyping import UInt64

BENCHMARK_SEED = 42


def warm_up(base: float, warmup: int, step: int) -> float:
    """Learning rate of a step >= 0: linear up to `base`, then constant."""
    return base * min(1.0, (step + 1) / warmup)


def warm_up_cosine(base: float, start: float, warmup: int, anneal: int, step: int) -> float:
    """Learning rate of a step >= 0: from `start` up to `base`, then a cosine to 0 at `anneal`."""
    if step < warmup:
        return start + (base - start) * step / warmup
    return 0.5 * base * (1.0 + math.cos(math.pi * (step - warmup) / (anneal - warmup)))


def benchmark_seeds(count: int) -> UInt64[np.ndarray, " count"]:
    """Seeds of the benchmark's samples, one a rollout."""
    seeds = np.random.RandomState(BENCHMARK_SEED).randint(0, 2**32, count, dtype=np.uint32)
    return seeds.astype(np.uint64)
