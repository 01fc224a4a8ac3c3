"""Reading a shard: by position or as a stream, with every checksum verified."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt64

from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.shards import pictures as stored
from kinecast.data.shards import schema
from kinecast.data.shards.damage import DamageError, OnDamage, check_on_damage
from kinecast.data.shards.row import from_latents, from_row, json_object
from kinecast.data.shards.seal import SealedFile
from kinecast.data.shards.signature import THUMBNAIL


@dataclass(frozen=True, eq=False)
class Signature:
    """What the leakage guard compares (data/shards/signature.py).

    Attributes:
        id: of the clip.
        source: provenance of its tracks.
        content: SHA-256 of its motion.
        sketch: hashes of pieces of its motion.
        thumbnail: 32 x 32 grey levels of its first picture, or None without pictures.
    """

    id: str
    source: dict[str, Any]
    content: bytes
    sketch: UInt64[np.ndarray, " k"]
    thumbnail: UInt8[np.ndarray, "32 32"] | None


class Shard:
    """The clips of one shard. `shard[i]` seeks; iterating streams; both verify checksums.

    It goes to other processes, where it opens the file anew. Threads each need one of their own.

    Attributes:
        path: the file.
        frames: of each clip.
        pictures: what is kept of the videos: none, first or all.
        about: provenance that the writer stated.
        digest: SHA-256 of the seal and the footer: that of all that is stored.
        damage: the damaged clips that iterating has skipped.

    Raises:
        DamageError: the file is torn, corrupt, hostile or not a shard.
        UserError: no such file, or a newer version.
    """

    def __init__(self, path: str | Path, on_damage: OnDamage = "raise") -> None:
        check_on_damage(on_damage)
        self.path = Path(path)
        self.damage: list[DamageError] = []
        self._on_damage = on_damage
        if not self.path.is_file():
            raise UserError(f"no such shard: {self.path}; check the path")
        self._sealed: SealedFile = self._checked(None, lambda: SealedFile(self.path))
        self.digest: str = self._sealed.digest
        facts = self._checked(None, self._read_footer)
        if facts["version"] != schema.VERSION:
            raise UserError(
                f"expected {schema.FORMAT} version {schema.VERSION}, got version "
                f"{facts['version']} in {self.path}; update kinecast to read it"
            )
        self.frames: tuple[int, ...] = tuple(facts["frames"])
        self.pictures: schema.Pictures = facts["pictures"]
        self.about: dict[str, Any] = facts["about"]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, i: int) -> Clip:
        """Clip i. Its video reads pictures when frames are asked for; None where none are kept.

        Raises:
            IndexError: i is not in [0, len).
            DamageError: this clip is damaged; others may not be.
        """
        clip: Clip = self._checked(i, lambda: self._clip(self._row(i, "facts", "motion"), i))
        return clip

    def __iter__(self) -> Iterator[Clip]:
        """All clips in order; damaged ones are raised, or skipped and recorded in `damage`."""
        self.damage.clear()
        for i in range(len(self)):
            try:
                clip = self[i]
            except DamageError as error:
                if self._on_damage == "raise":
                    raise
                self.damage.append(error)
                continue
            yield clip

    def latents(self, i: int) -> dict[str, np.ndarray]:
        """The float16 arrays kept beside clip i, by name.

        Raises:
            IndexError, DamageError: as `shard[i]`.
        """
        found: dict[str, np.ndarray] = self._checked(
            i, lambda: from_latents(self._row(i, "latents"))
        )
        return found

    def signature(self, i: int) -> Signature:
        """What clip i is recognised by, without reading its tracks.

        Raises:
            IndexError, DamageError: as `shard[i]`.
        """
        found: Signature = self._checked(i, lambda: _signature(self._row(i, "facts", "signature")))
        return found

    def row(self, i: int) -> Any:
        """All that is stored of clip i, as an Arrow table of one row.

        Raises:
            IndexError, DamageError: as `shard[i]`.
        """
        return self._checked(i, lambda: self._row(i, *schema.GROUPS))

    def verify(self, progress: Callable[[int, int], None] | None = None) -> list[DamageError]:
        """Read all of every clip, pictures and latents included; returns what is damaged.

        Args:
            progress: called with (clips done, clips in all).
        """
        found = []
        for i in range(len(self)):
            if progress is not None:
                progress(i, len(self))
            try:
                clip = self[i]
                self.latents(i)
                self.signature(i)
                if clip.video is not None:
                    clip.video[0 : 1 if self.pictures == "first" else len(clip.video)]
            except DamageError as error:
                found.append(error)
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "on_damage": self._on_damage}

    def __setstate__(self, state: dict[str, Any]) -> None:  # in another process
        self.__init__(state["path"], state["on_damage"])  # type: ignore[misc]

    def _read_footer(self) -> dict[str, Any]:
        _, pq = schema.arrow()
        metadata = self._sealed.metadata
        facts: dict[str, Any] = json.loads((metadata.metadata or {})[schema.METADATA])
        if facts["format"] != schema.FORMAT:
            raise ValueError(f"expected the format {schema.FORMAT}, got {facts['format']!r}")
        if facts["version"] != schema.VERSION:
            return facts
        count = len(facts["frames"])
        if metadata.num_row_groups != count or metadata.num_rows != count:
            raise ValueError(f"expected {count} clips, got {metadata.num_row_groups} row groups")
        if self._sealed.parts != count * len(schema.GROUPS):
            raise ValueError(f"expected the seal of {count} clips, got {self._sealed.parts} parts")
        self._file = pq.ParquetFile(self._sealed, metadata=metadata, pre_buffer=False)
        if not self._file.schema_arrow.equals(schema.schema()):
            raise ValueError("the columns are not those of a shard")
        return facts

    def _row(self, i: int, *groups: str) -> Any:
        group = self._sealed.metadata.row_group(i)
        if group.num_rows != 1:
            raise ValueError(f"expected one clip a row group, got {group.num_rows}")
        wanted = [name for one in groups for name in schema.GROUPS[one]]
        for c in range(group.num_columns):
            column = group.column(c)
            name = column.path_in_schema.partition(".")[0]
            if name in wanted and not 0 <= column.total_uncompressed_size <= schema.MAX_COLUMN:
                raise ValueError(f"column {name} asks for {column.total_uncompressed_size} bytes")
        self._sealed.hold(i, groups)
        try:
            row = self._file.read_row_group(i, columns=wanted, use_threads=False)
        finally:
            self._sealed.release()
        if row.num_rows != 1:
            raise ValueError(f"expected one clip, got {row.num_rows} rows")
        return row

    def _clip(self, row: Any, i: int) -> Clip:
        facts = from_row(row)
        tracks = facts.tracks
        if len(tracks) != self.frames[i]:
            raise ValueError(f"expected {self.frames[i]} frames, got {len(tracks)}")
        video = None
        if facts.stored:
            source = stored.StoredFrames(
                load=partial(self._load_pictures, i, facts.stored),
                decode=partial(self._decode, i, tracks.size),
                size=tracks.size,
                fps=tracks.fps,
                length=len(tracks),
                name=f"{self.path}:{i}",
            )
            video = Video(source, facts.id)
        return Clip(tracks, video, facts.caption, facts.id)

    def _load_pictures(self, i: int, count: int) -> list[bytes]:
        def load() -> list[bytes]:
            found = self._row(i, "pictures").column("pictures")[0].as_py() or []
            if len(found) != count:
                raise ValueError(f"expected {count} pictures, got {len(found)}")
            return found

        pictures: list[bytes] = self._checked(i, load)
        return pictures

    def _decode(self, i: int, size: Size, data: bytes) -> UInt8[np.ndarray, "h w 3"]:
        picture: np.ndarray = self._checked(i, lambda: stored.decode(data, size))
        return picture

    def _checked(self, i: int | None, read: Callable[[], Any]) -> Any:
        """Call `read`; what Arrow and our own checks raise for a damaged file is a DamageError."""
        if i is not None and not 0 <= i < len(self.frames):
            raise IndexError(f"expected a clip in [0, {len(self.frames)}), got {i}")
        pa, _ = schema.arrow()
        try:
            return read()
        except DamageError:
            raise
        except (pa.ArrowException, ValueError, TypeError, KeyError, IndexError, OSError) as error:
            raise DamageError(self.path, i, str(error) or type(error).__name__) from error
        except (MemoryError, OverflowError) as error:  # of sizes that no clip has
            raise DamageError(self.path, i, f"{type(error).__name__}: {error}") from error


def open_shard(path: str | Path, on_damage: OnDamage = "raise") -> Shard:
    """Open a shard.

    Args:
        path: the file.
        on_damage: what iterating does at a damaged clip: "raise", or "skip" it and go on.

    Raises:
        DamageError: the file as a whole is torn, corrupt, hostile or not a shard.
        UserError: no such file, or a newer version.
        MissingExtraError: pyarrow is not installed.
    """
    return Shard(path, on_damage)


def _signature(row: Any) -> Signature:
    value = {name: row.column(name)[0] for name in row.column_names}
    small = value["thumbnail"].as_py()
    if small is not None and len(small) != THUMBNAIL**2:
        raise ValueError(f"expected a thumbnail of {THUMBNAIL**2} bytes, got {len(small)}")
    return Signature(
        id=value["id"].as_py(),
        source=json_object(value["source"].as_py()),
        content=value["content"].as_py(),
        sketch=np.asarray(value["sketch"].values.to_numpy(zero_copy_only=False), np.uint64),
        thumbnail=None if small is None else _square(small),
    )


def _square(grey: bytes) -> UInt8[np.ndarray, "32 32"]:
    return np.frombuffer(grey, np.uint8).reshape(THUMBNAIL, THUMBNAIL)
