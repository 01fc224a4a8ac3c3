"""Operations that are done, and how many a second the machine can do."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from kinecast.core import device as devices
from kinecast.core import rng

REPEATS = 5
MATRICES = (512, 1024, 2048, 4096, 8192, 16384)  # sides
LONGEST = 0.1  # seconds: a larger matrix is not tried once a product takes this long
SUSTAINED = 0.5  # seconds of products one after another: what a burst reaches, no network keeps up

Seconds = tuple[float, float]  # on the clock, and of all cores together


@dataclass(frozen=True)
class Peak:
    """Operations of matrix products a second, and a CPU-second of all cores together."""

    clock: float
    cpu: float


@contextmanager
def counted() -> Iterator[Callable[[], int]]:
    """Count the operations of the matrix products, convolutions and attention in the body.

    Gives a function that says how many there were so far; a backward pass in the body counts too.
    """
    fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu

    def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    counter = FlopCounterMode(display=False, custom_mapping={fused: attention})
    with counter:
        yield lambda: int(counter.get_total_flops())


@cache
def peak(where: torch.device, dtype: torch.dtype) -> Peak:
    """The most that products of square matrices reach on this machine; takes seconds, once."""
    clock, cpu = 0.0, 0.0
    for side in MATRICES:
        matrix = torch.rand(side, side, generator=rng.generator(side)).to(where, dtype)
        once, _ = fastest(lambda m=matrix: m @ m, where)
        times = 1 + int(SUSTAINED / once)
        spent = timed(lambda m=matrix, n=times: _squares(m, n), where)
        clock = max(clock, times * 2 * side**3 / spent[0])
        cpu = max(cpu, times * 2 * side**3 / spent[1])
        if once > LONGEST:
            break
    return Peak(clock, cpu)


def fastest(run: Callable[[], object], where: torch.device) -> Seconds:
    """The shortest of five runs."""
    runs = [timed(run, where) for _ in range(REPEATS)]
    return min(seconds for seconds, _ in runs), min(cpu for _, cpu in runs)


def timed(run: Callable[[], object], where: torch.device) -> Seconds:
    """What a run takes, until the device has done it."""
    devices.synchronise(where)
    clock, cpu = time.perf_counter(), time.process_time()
    run()
    devices.synchronise(where)
    return time.perf_counter() - clock, time.process_time() - cpu


def _squares(matrix: Tensor, times: int) -> None:
    for _ in range(times):
        matrix @ matrix
