"""`kinecast bench switches`: what the choices around a model are worth."""

from pathlib import Path
from typing import Annotated

import tyro

from kinecast.bench.switches import measure, table
from kinecast.cli.bench_output import check_clips, show
from kinecast.forecast.load import DEFAULT_MODEL, load


def switches(
    *,
    model: str = DEFAULT_MODEL,
    clips: int = 64,
    device: str = "auto",
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Change one thing at a time around a model: the history's length, the anchor, the sampler.

    Args:
        model: a name of `kinecast models`, or a folder.
        clips: simulated clips.
        device: auto, cuda, cuda:N, mps or cpu.
        out: also write the result to this JSON file.
        json_: print one JSON object.
    """
    check_clips(clips)
    rows = list(measure(load(model, device=device), clips))
    show({"switches": rows}, table(rows), json_, out)
