"""Writing a shard: atomic, streaming, the same clips give the same bytes."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.shards import schema
from kinecast.data.shards.row import Latents, to_row
from kinecast.data.shards.seal import write_seal
from kinecast.io.atomic import atomic_path
from kinecast.io.checkpoint import file_hash
from kinecast.io.npz import json_text

_ZSTD = 3
_DELTA = ("xy.list.element", "query_frame.list.element", "confidence.list.element")
_COMPRESSED_ALREADY = ("pictures.list.element", "latents.list.element.values")


@dataclass(frozen=True)
class ShardInfo:
    """What was written.

    Attributes:
        path: the shard.
        clips: number of clips.
        sha256: of the file, in hex.
        bytes: size of the file.
        frames: of all clips together.
        points: of all clips together.
    """

    path: Path
    clips: int
    sha256: str
    bytes: int
    frames: int
    points: int


def write_shard(
    path: str | Path,
    clips: Iterable[Clip],
    *,
    about: Mapping[str, Any] | None = None,
    pictures: schema.Pictures = "first",
    latents: Callable[[Clip], Latents] | None = None,
) -> ShardInfo:
    """Write clips as one shard; memory is that of one clip.

    Args:
        path: the file, ending in .parquet.
        clips: taken one at a time; every id a plain relative name, unique in the shard.
        about: provenance of the shard (settings, licences, versions); JSON-able.
        pictures: what to keep of the clips' videos: none, the first frame (PNG, lossless) or all
            (JPEG, quality 92).
        latents: float16 arrays by name to keep beside each clip.

    Raises:
        UserError: another suffix, no clips, an id twice, a clip that a shard cannot hold, or the
            file cannot be written.
        MissingExtraError: pyarrow is not installed.
    """
    with shard_writer(path, pictures, about or {}) as writer:
        for clip in clips:
            writer.add(to_row(clip, pictures, latents and latents(clip)))
    return writer.info()


class ShardWriter:
    """Takes the rows of a shard one at a time; made by `shard_writer`."""

    def __init__(self, path: Path) -> None:
        self.lengths: list[int] = []
        self._path, self._points = path, 0
        self._ids: set[str] = set()
        self._parquet: Any = None
        self._sha256, self._bytes = "", 0

    def add(self, row: Any) -> None:
        """Write a row.

        Raises:
            UserError: its id is taken.
        """
        name = row.column("id")[0].as_py()
        if name in self._ids:
            raise UserError(f"expected ids that differ in {self._path}, got {name!r} twice")
        self._ids.add(name)
        self._parquet.write_table(row)
        self.lengths.append(row.column("frames")[0].as_py())
        self._points += row.column("points")[0].as_py()

    def info(self) -> ShardInfo:
        """What has been written, once the file is whole."""
        count, frames = len(self.lengths), sum(self.lengths)
        return ShardInfo(self._path, count, self._sha256, self._bytes, frames, self._points)


@contextmanager
def shard_writer(
    path: str | Path, pictures: schema.Pictures, about: Mapping[str, Any]
) -> Iterator[ShardWriter]:
    """A writer of rows; the file appears, sealed, when the body succeeds.

    Raises:
        UserError: as `write_shard`.
    """
    path = Path(path)
    if path.suffix.lower() != schema.SUFFIX:
        raise UserError(f"expected a shard name ending in {schema.SUFFIX}, got {path}")
    if pictures not in ("none", "first", "all"):
        raise UserError(f'expected pictures "none", "first" or "all", got {pictures!r}')
    _, pq = schema.arrow()
    json_text(about)  # refused before minutes of work
    writer = ShardWriter(path)
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(temporary, schema.schema(), **parquet_options()) as parquet:
            writer._parquet = parquet
            yield writer
            if not writer.lengths:
                raise UserError(f"expected clips to write to {path}, got none")
            parquet.add_key_value_metadata(
                {schema.METADATA: footer(writer.lengths, pictures, about)}
            )
        write_seal(temporary)
        writer._sha256, writer._bytes = file_hash(temporary), temporary.stat().st_size


def footer(lengths: list[int], pictures: str, about: Mapping[str, Any]) -> str:
    """The JSON that the footer of Parquet holds for us."""
    return json_text(
        {
            "format": schema.FORMAT,
            "version": schema.VERSION,
            "frames": lengths,
            "pictures": pictures,
            "about": dict(about),
        }
    )


def parquet_options() -> dict[str, Any]:
    """Of Parquet: one way to write each column, nothing that depends on the moment."""
    compression = {name: "none" if name in _COMPRESSED_ALREADY else "zstd" for name in _leaves()}
    return {
        "compression": compression,
        "compression_level": {name: _ZSTD for name, how in compression.items() if how == "zstd"},
        "column_encoding": dict.fromkeys(_DELTA, "DELTA_BINARY_PACKED"),
        "use_dictionary": False,
        "write_statistics": False,
        "write_page_checksum": True,
        "store_schema": False,
    }


def _leaves() -> list[str]:
    """Paths of the columns as Parquet names them."""
    pa, _ = schema.arrow()

    def walk(field: Any, path: str) -> list[str]:
        kind = field.type
        if pa.types.is_list(kind):
            return walk(kind.value_field, f"{path}.list.element")
        if pa.types.is_struct(kind):
            parts = [kind.field(i) for i in range(kind.num_fields)]
            return [leaf for part in parts for leaf in walk(part, f"{path}.{part.name}")]
        return [path]

    return [leaf for field in schema.schema() for leaf in walk(field, field.name)]
