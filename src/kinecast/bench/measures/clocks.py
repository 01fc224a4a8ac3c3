"""What a forecast costs on this machine, and how good it is after s seconds."""

import time
from collections.abc import Sequence

import numpy as np
import torch

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.measures.judged import judged
from kinecast.core import device as devices
from kinecast.core import rng
from kinecast.core.tracks import Tracks
from kinecast.metrics.min_ade import sample_ades
from kinecast.metrics.time_budget import min_ade_within

DRAWS = 256  # samples at most: what gives so many in time is fast enough


def clocked(
    contestant: Contestant, case: Case, k: int, seed: int
) -> tuple[Sequence[Tracks], dict[str, float]]:
    """The futures, and seconds on the clock and of all cores, and peak memory in bytes.

    The peak is that of the process, whatever it holds beside (and of the accelerator), from the
    beginning of this forecast on; where the system cannot count anew, from that of the process.
    """
    where = torch.device(contestant.facts().get("device", "cpu"))
    devices.reset_peak_memory(where)
    clock, cpu = time.perf_counter(), time.process_time()
    futures = contestant.forecast(case, k, seed)
    cost = {
        "seconds": time.perf_counter() - clock,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": float(devices.peak_memory_bytes(where)),
    }
    return futures, cost


def within(
    contestant: Contestant, case: Case, seed: int, budgets: Sequence[float], drawn: int
) -> dict[str, float]:
    """Best ADE of the samples that are there within s seconds, drawn one after another.

    Args:
        budgets: seconds.
        drawn: futures that a forecast of several samples gave: where it was one, there is no
            other.

    Returns:
        samples_within_S_s, and best_ade_within_S_s where that is not 0. Empty where the truth is
        never visible.
    """
    if not budgets or not case.truth.visible.any():
        return {}
    ades: list[float] = []
    ready: list[float] = []
    start = time.perf_counter()
    while len(ades) < (1 if drawn == 1 else DRAWS):
        futures = contestant.forecast(case, 1, _seed(seed, len(ades)))
        ready.append(time.perf_counter() - start)
        of = judged(case, futures, contestant.name)
        ades.append(float(sample_ades(of.xy, of.truth).min()))
        if ready[-1] >= max(budgets):
            break
    found: dict[str, float] = {}
    for budget in budgets:
        found[f"samples_within_{budget:g}_s"] = float((np.array(ready) <= budget).sum())
        if ready[0] <= budget:
            best = min_ade_within(np.array(ades), np.array(ready), budget)
            found[f"best_ade_within_{budget:g}_s"] = best
    return found


def _seed(seed: int, index: int) -> int:
    """Of one draw, of 32 bits."""
    return rng.generator(seed, index).initial_seed() % 2**32
