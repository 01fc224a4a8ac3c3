"""A shard from its parts, by whichever worker finishes the last of them."""

import shutil
from collections.abc import Mapping
from typing import Any

from kinecast.core.errors import UserError
from kinecast.data.prepare.work_folder import WorkFolder, read_json
from kinecast.data.shards.join import join_shards


def is_assembled(folder: WorkFolder, shard: str) -> bool:
    """Whether the shard is there, and what is in it is known."""
    return folder.shard_record(shard).is_file()


def assemble(folder: WorkFolder, shard: str, count: int, about: Mapping[str, Any]) -> None:
    """Join the parts of a shard, in order, if all are there; then remove them.

    Two workers may do this at once: both write the same bytes. `about` is the shard's provenance.
    """
    parts = [folder.part(shard, index) for index in range(count)]
    if not all(part.is_file() for part in reversed(parts)):  # the last ones are made last
        return
    try:
        units = [read_json(part) for part in parts]
        kept = [
            part.with_suffix(".parquet")
            for part, unit in zip(parts, units, strict=True)
            if unit["outcome"] == "kept"
        ]
        record = {"name": f"{shard}.parquet", "clips": len(kept), "units": units}
        if kept:
            with folder.placing(folder.shard(shard)) as temporary:
                info = join_shards(temporary, kept, about={**about, "shard": shard})
            record |= {
                "sha256": info.sha256,
                "bytes": info.bytes,
                "frames": info.frames,
                "points": info.points,
            }
    except (FileNotFoundError, UserError):
        if is_assembled(folder, shard):  # another worker was faster and has removed the parts
            return
        raise
    folder.write_json(folder.shard_record(shard), record)
    shutil.rmtree(parts[0].parent, ignore_errors=True)
