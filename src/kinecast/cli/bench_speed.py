"""`kinecast bench speed`: what a forecast costs, stage by stage."""

from pathlib import Path
from typing import Annotated, Any

import tyro

from kinecast.bench import speed as speeds
from kinecast.bench.sizes import random_weights
from kinecast.cli.bench_output import show
from kinecast.cli.progress import say
from kinecast.core import device as devices
from kinecast.core.errors import UserError
from kinecast.forecast.load import DEFAULT_MODEL, load
from kinecast.forecast.prepare import Precision, prepare


def speed(
    *,
    model: str = DEFAULT_MODEL,
    size: str | None = None,
    precision: Precision = "fp32",
    compile_: Annotated[bool, tyro.conf.arg(name="compile")] = False,
    steps: int | None = None,
    device: str = "auto",
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure operations, seconds and memory of a forecast, stage by stage.

    Args:
        model: a name of `kinecast models`, or a folder.
        size: a published network with random weights instead of a model: trajloom-paper, whn-b,
            zipmo-sparse, ...
        precision: of the large matrix products.
        compile_: compile the velocity first.
        steps: of the sampler, as published by default.
        device: auto, cuda, cuda:N, mps or cpu.
        out: also write the result to this JSON file.
        json_: print one JSON object.
    """
    if size is not None and model != DEFAULT_MODEL:
        raise UserError(f"expected --model or --size, got both ({model}, {size})")
    if steps is not None and steps < 1:
        raise UserError(f"expected --steps of at least 1, got {steps}")
    where = devices.resolve(device)
    if size is None:
        system: Any = load(model, device, precision=precision, compile=compile_).system
    else:
        system = prepare(random_weights(size), where, precision, compile_)
    measured = speeds.speed(
        system, where, precision, steps, report=lambda stage: say(speeds.line(stage))
    )
    result = {"model": size or model, **speeds.to_json(measured)}
    show(result, speeds.table(measured), json_, out)
