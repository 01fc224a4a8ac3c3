"""Our own shards, so that they can be written again in other layouts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.importers.base import Importer, Options, choice
from kinecast.data.shards import open_shard


def read(path: Path, options: Options) -> Iterator[Clip]:
    """The clips of a shard, or of the shards of a folder in the order of their names."""
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not paths:
        raise UserError(f"expected shards (*.parquet) in {path}, got none")
    drop = choice(options, "pictures", ("keep", "drop"), "keep") == "drop"
    for one in paths:
        for clip in open_shard(one):
            yield replace(clip, video=None) if drop else clip


IMPORTER = Importer(
    name="shards",
    about="shards of Kinecast (docs/shards.md); their licence is that of the clips in them",
    convention="Kinecast's: x, y in pixels of the frame, edge-aligned",
    options=("pictures=keep|drop: what becomes of the stored pictures",),
    read=read,
)
