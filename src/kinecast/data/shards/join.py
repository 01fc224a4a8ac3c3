"""One shard from several: rows are copied as they are stored, nothing of them is decoded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinecast.core.errors import UserError
from kinecast.data.shards.read import open_shard
from kinecast.data.shards.write import ShardInfo, shard_writer


def join_shards(
    path: str | Path, parts: Sequence[Path], *, about: Mapping[str, Any] | None = None
) -> ShardInfo:
    """Write the clips of all parts, in order, as one shard: the same parts give the same bytes.

    Args:
        path: the file, ending in .parquet.
        parts: shards that keep the same pictures; their seals are verified as they are read.
        about: provenance of the whole.

    Raises:
        UserError: no parts, parts that keep different pictures, or an id twice.
        DamageError: a part is torn or corrupt.
    """
    kept = {open_shard(part).pictures for part in parts}
    if len(kept) != 1:
        raise UserError(f"expected parts that keep the same pictures, got {sorted(kept) or 'none'}")
    with shard_writer(path, kept.pop(), about or {}) as writer:
        for part in map(open_shard, parts):
            for i in range(len(part)):
                writer.add(part.row(i))
    return writer.info()
