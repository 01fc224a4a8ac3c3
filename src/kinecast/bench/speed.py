"""Seconds and memory of one forecast, stage by stage, and of the history's reuse by its samples."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from kinecast.core import device, rng
from kinecast.data.synth import synth
from kinecast.flow.sampler import euler, uniform_times
from kinecast.forecast.forecaster import STEPS, Forecaster

REPEATS = 5


@dataclass(frozen=True)
class Speed:
    """Seconds are the fastest of five runs after a warm-up; counts are per second.

    Attributes:
        condition: encode one history, once per clip.
        velocity: one evaluation for one sample.
        sample_1, sample_8: a whole forecast of 1 and of 8 samples, condition and decode included.
        decode: one sample.
        encoded_each: what 8 samples would take if each encoded the history again.
        shared_ratio: encoded_each over sample_8.
        matmul_gflops: the machine's measured peak, one 2048 matrix product in float32.
        peak_memory_bytes: of the process.
    """

    condition: float
    velocity: float
    sample_1: float
    sample_8: float
    decode: float
    encoded_each: float
    shared_ratio: float
    matmul_gflops: float
    peak_memory_bytes: int


@torch.inference_mode()
def speed(forecaster: Forecaster) -> Speed:
    """Measure on a simulated clip with the model's whole history and window."""
    system, where = forecaster.system, forecaster.device
    frames = system.needs.frames
    history = synth(seed=0, frames=frames).tracks
    batch = forecaster.batch(history)
    cond = system.condition(batch)
    noise = rng.sample_noise(0, range(8), system.latent_shape(cond)).to(where)

    def sample(k: int) -> None:
        here = system.condition(batch)
        z = euler(
            lambda z, t: system.velocity(z, t, here),
            system.source(noise[:k], here),
            uniform_times(STEPS),
            system.pin(here),
        )
        system.decode(z, here)

    t = torch.full((1,), 0.5, device=where)
    condition = _fastest(lambda: system.condition(batch), where)
    whole = _fastest(lambda: sample(8), where)
    matrix = torch.ones(2048, 2048, device=where)
    each = whole + 7 * condition
    return Speed(
        condition=condition,
        velocity=_fastest(lambda: system.velocity(noise[:1], t, cond), where),
        sample_1=_fastest(lambda: sample(1), where),
        sample_8=whole,
        decode=_fastest(lambda: system.decode(noise[:1], cond), where),
        encoded_each=each,
        shared_ratio=each / whole,
        matmul_gflops=2 * 2048**3 / _fastest(lambda: matrix @ matrix, where) / 1e9,
        peak_memory_bytes=device.peak_memory_bytes(where),
    )


def table(result: Speed) -> str:
    """Lines for a reader."""
    rows: dict[str, Any] = asdict(result)
    memory = rows.pop("peak_memory_bytes") / 1e6
    lines = [f"{name:<20}{value:>10.4g}" for name, value in rows.items()]
    return "\n".join([*lines, f"{'peak_memory':<20}{memory:>10.0f} MB"])


def _fastest(run: Callable[[], object], where: torch.device) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        device.synchronise(where)
        start = time.perf_counter()
        run()
        device.synchronise(where)
        seconds.append(time.perf_counter() - start)
    return min(seconds)
