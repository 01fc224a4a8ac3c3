"""`kinecast bench shards`: how fast clips are read."""

from pathlib import Path
from typing import Annotated

import tyro

from kinecast.bench.shards import measure, table, to_json
from kinecast.cli.bench_output import check_clips, show


def shards(
    *,
    clips: int = 64,
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure how many clips a second are read from shards.

    Args:
        clips: simulated clips.
        out: also write the result to this JSON file.
        json_: print one JSON object.
    """
    check_clips(clips)
    read = measure(clips)
    show(to_json(read), table(read), json_, out)
