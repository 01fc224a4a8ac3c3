"""Shards: Parquet files of clips, one clip a row group (docs/shards.md)."""

from kinecast.data.shards.damage import DamageError, OnDamage
from kinecast.data.shards.read import Shard, open_shard
from kinecast.data.shards.write import ShardInfo, write_shard

__all__ = ["DamageError", "OnDamage", "Shard", "ShardInfo", "open_shard", "write_shard"]
