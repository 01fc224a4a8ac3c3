"""`kinecast bench trackers`: trackers on clips with exact truth."""

from pathlib import Path
from typing import Annotated

import tyro

from kinecast.bench.trackers import KINDS, RENDERED, bench_trackers
from kinecast.cli.bench_output import show


def trackers(
    *,
    rendered: bool = False,
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure the trackers by TAP-Vid's metrics on layered clips with exact truth.

    Args:
        rendered: on rendered worlds instead; needs the extra sim.
        out: also write the result to this JSON file.
        json_: print one JSON object.
    """
    result, text = bench_trackers(kinds=tuple(RENDERED if rendered else KINDS))
    show(result, text, json_, out)
