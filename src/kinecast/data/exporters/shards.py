"""Clips as Parquet shards, a thousand to a file (docs/shards.md)."""

import itertools
from collections.abc import Iterator
from pathlib import Path

from kinecast.core.clip import Clip
from kinecast.data.exporters.base import Exporter
from kinecast.data.shards import write_shard

PER_SHARD = 1000


def write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    """Writes 00000.parquet, 00001.parquet, ...; each clip with the first frame of its video."""
    for number, first in enumerate(clips):  # what is taken here starts a shard
        rest = itertools.islice(clips, PER_SHARD - 1)
        path = folder / f"{number:05d}.parquet"
        write_shard(path, itertools.chain([first], rest), about={"from": source})


EXPORTER = Exporter(
    name="shards",
    about="Parquet shards for training, with the first frame of each video",
    convention="Kinecast's: x, y in pixels of the frame, edge-aligned",
    write=write,
)
