"""What a forecast costs, stage by stage: operations, seconds and memory, and what reuse saves.

Of what is measured twice, the ratio counts: how far from the machine's own peak a stage is, and how
much more it costs to compute anew what depends on the clip alone (`bench.uncached`).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from kinecast.bench.example import example
from kinecast.bench.uncached import uncached_velocity
from kinecast.core import device as devices
from kinecast.core import flops, rng
from kinecast.flow.sampler import Velocity, euler, uniform_times
from kinecast.forecast.memory import in_chunks, plan_chunk
from kinecast.forecast.prepare import HALF, Precision

LONG = 5.0  # seconds: what takes longer is measured once
SAMPLES = 8
SMALL = 1e-12  # velocities of zero, of an untrained network, deviate by nothing


@dataclass(frozen=True)
class Stage:
    """Of one stage, the fastest of five runs, or the only one of a long stage.

    Attributes:
        name: condition (once per clip), velocity_uncached (one evaluation for one sample, nothing
            reused), velocity, encode (a window), decode, sample_1 and sample_8 (whole: condition,
            all steps, decode).
        seconds, cpu_seconds: on the clock, and of all cores together.
        gflop: of its matrix products, convolutions and attention.
        share: gflop a second over the machine's measured peak; on a CPU, a CPU-second.
        peak_memory_bytes: of the process while it ran, weights included (and of the accelerator).
    """

    name: str
    seconds: float
    cpu_seconds: float
    gflop: float
    share: float
    peak_memory_bytes: int


@dataclass(frozen=True)
class Speed:
    """All stages of one model.

    Attributes:
        device, threads, precision, steps: what it ran with; steps are the sampler's.
        peak_gflops, peak_gflops_cpu: of matrix products in that precision, a second and a
            CPU-second.
        weights_bytes: of the model.
        stages: by name.
        uncached_ratio: velocity_uncached over velocity, in CPU-seconds on a CPU: what is gained by
            computing what depends on the clip alone once.
        uncached_deviation: the largest difference of the two velocities, over their largest value.
        eight_ratio: sample_8 over sample_1, likewise; less than 8.
    """

    device: str
    threads: int
    precision: str
    steps: int
    peak_gflops: float
    peak_gflops_cpu: float
    weights_bytes: int
    stages: dict[str, Stage]
    uncached_ratio: float
    uncached_deviation: float
    eight_ratio: float


@torch.inference_mode()
def speed(
    system: Any,
    where: torch.device,
    precision: Precision = "fp32",
    steps: int | None = None,
    report: Callable[[Stage], None] | None = None,
) -> Speed:
    """Measure a system that `prepare` made ready, on a clip of random numbers.

    Args:
        system: on its device, in its precision.
        where: that device.
        precision: that precision.
        steps: of the sampler, as published by default.
        report: called with each stage when it is measured.
    """
    clip = example(system.needs, where)
    steps = system.needs.steps if steps is None else steps
    meter = Meter(where, precision, report)
    shape: tuple[int, ...] = ()

    def condition() -> None:
        nonlocal shape
        shape = system.latent_shape(system.condition(clip.given))

    def decode(z: Tensor, given: Any) -> None:
        system.decode(z, given) if clip.queries is None else system.decode(z, given, clip.queries)

    def sample(k: int) -> None:
        cond = system.condition(clip.given)
        velocity: Velocity = partial(system.velocity, cond=cond)

        def draw(some: Sequence[int]) -> None:
            start = system.source(noise[some[0] : some[-1] + 1], cond)
            decode(euler(velocity, start, uniform_times(steps), system.pin(cond)), cond)

        in_chunks(range(k), plan_chunk(system, shape, k, system.needs.tokens), draw)

    # a condition can be larger than the weights: none is held but by the stages that are given one
    stages = [meter("condition", condition)]
    noise = rng.sample_noise(0, range(SAMPLES), shape).to(where)
    one, t = noise[:1], torch.full((1,), 0.5, device=where)
    straightforward, outs = uncached_velocity(system, clip.given), dict[str, Tensor]()
    stages.append(meter("velocity_uncached", lambda: outs.update(anew=straightforward(one, t))))
    cond = system.condition(clip.given)
    stages += [
        meter("velocity", lambda: outs.update(cached=system.velocity(one, t, cond))),
        meter("encode", lambda: system.encode(clip.future, cond)),
        meter("decode", lambda: decode(one, cond)),
    ]
    del cond
    stages += [meter("sample_1", lambda: sample(1)), meter("sample_8", lambda: sample(SAMPLES))]
    cost = {stage.name: meter.work(stage.seconds, stage.cpu_seconds) for stage in stages}
    deviation = (outs["anew"] - outs["cached"]).abs().max()
    return Speed(
        device=where.type,
        threads=torch.get_num_threads(),
        precision=precision,
        steps=steps,
        peak_gflops=meter.peak / 1e9,
        peak_gflops_cpu=meter.peak_cpu / 1e9,
        weights_bytes=sum(p.numel() * p.element_size() for p in system.parameters()),
        stages={stage.name: stage for stage in stages},
        uncached_ratio=cost["velocity_uncached"] / cost["velocity"],
        uncached_deviation=float(deviation / outs["cached"].abs().max().clamp(min=SMALL)),
        eight_ratio=cost["sample_8"] / cost["sample_1"],
    )


class Meter:
    """Measures stages against the peak of matrix products on the same machine."""

    def __init__(
        self,
        where: torch.device,
        precision: Precision,
        report: Callable[[Stage], None] | None = None,
    ) -> None:
        self._where, self._report = where, report
        peak = flops.peak(where, HALF.get(precision, torch.float32))
        self.peak, self.peak_cpu = peak.clock, peak.cpu  # operations a second, a CPU-second

    def work(self, seconds: float, cpu_seconds: float) -> float:
        """What counts: CPU-seconds on a CPU, where others may be at work too."""
        return cpu_seconds if self._where.type == "cpu" else seconds

    def __call__(self, name: str, run: Callable[[], object]) -> Stage:
        """Run a stage, first to count its operations, then, unless it is long, to time it."""
        devices.reset_peak_memory(self._where)
        with flops.counted() as count_so_far:
            first = flops.timed(run, self._where)
        count = count_so_far()
        seconds, cpu_seconds = first if first[0] > LONG else flops.fastest(run, self._where)
        peak = self.work(self.peak, self.peak_cpu)
        stage = Stage(
            name=name,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            gflop=count / 1e9,
            share=count / self.work(seconds, cpu_seconds) / peak,
            peak_memory_bytes=devices.peak_memory_bytes(self._where),
        )
        if self._report is not None:
            self._report(stage)
        return stage


def to_json(result: Speed) -> dict[str, Any]:
    """Plain numbers."""
    return asdict(result)


def line(stage: Stage) -> str:
    """A row of `table`."""
    return (
        f"{stage.name:<20}{stage.seconds:>10.4g}{stage.cpu_seconds:>10.4g}"
        f"{stage.gflop:>10.4g}{stage.share:>8.0%} {stage.peak_memory_bytes / 1e6:>9.0f} MB"
    )


def table(result: Speed) -> str:
    """Lines for a reader."""
    return "\n".join(
        [
            f"{result.device}, {result.threads} threads, {result.precision}, {result.steps} steps; "
            f"matrix products reach {result.peak_gflops:.0f} GFLOP/s; "
            f"weights {result.weights_bytes / 1e6:.0f} MB",
            f"{'stage':<20}{'seconds':>10}{'CPU s':>10}{'GFLOP':>10}{'of peak':>9}"
            f"{'peak memory':>13}",
            *(line(stage) for stage in result.stages.values()),
            f"nothing reused over reused: {result.uncached_ratio:.2f} times the work",
            f"{SAMPLES} samples over one: {result.eight_ratio:.2f} times the work",
        ]
    )
