"""The seal: SHA-256 of every part of a shard, verified before Arrow sees a byte of it.

Parquet's own page checksums leave page headers and the footer uncovered, and there Arrow can fail
so hard that the process dies. The seal lies between the last row group and the footer, where
readers of Parquet look for nothing:

    row groups | hashes | "kcseal01" | their number | hash of the hashes | hash of the footer |
    footer | its length | "PAR1"

A clip has one hash for each group of columns of `schema.GROUPS`, which is a run of bytes.
"""

import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kinecast.data.shards import schema

_MAGIC, _PARQUET = b"kcseal01", b"PAR1"
_HASH = 32
_TRAILER = len(_MAGIC) + 8 + 2 * _HASH
_MAX_FOOTER = 2**30
_AT_ONCE = 2**20

Span = tuple[int, int]  # bytes [start, stop)


def spans(group: Any) -> dict[str, Span]:
    """Where each group of columns of a row group lies, from its metadata."""
    found: dict[str, Span] = {}
    for c in range(group.num_columns):
        column = group.column(c)
        name = schema.group_of(column.path_in_schema.partition(".")[0])
        start = column.data_page_offset
        stop = start + column.total_compressed_size
        low, high = found.get(name, (start, stop))
        found[name] = (min(low, start), max(high, stop))
    return found


def write_seal(path: Path) -> None:
    """Seal a Parquet file that has just been written, in place."""
    _, pq = schema.arrow()
    metadata = pq.read_metadata(path)
    with path.open("r+b") as file:
        at = file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(at - length)
        tail = file.read()
        hashes = bytearray()
        for i in range(metadata.num_row_groups):
            where = spans(metadata.row_group(i))
            for name in schema.GROUPS:
                hashes += _hash_span(file, where[name])
        file.seek(at - length)
        file.truncate()
        count = (len(hashes) // _HASH).to_bytes(8, "little")
        file.write(hashes + _MAGIC + count + _digest(hashes) + _digest(tail[:length]) + tail)


def _hash_span(file: Any, span: Span) -> bytes:
    digest = hashlib.sha256()
    start, stop = span
    file.seek(start)
    while start < stop:
        part = file.read(min(_AT_ONCE, stop - start))
        digest.update(part)
        start += len(part)
    return digest.digest()


class SealedFile(io.RawIOBase):
    """A file of which Arrow can read only what `hold` has verified.

    Attributes:
        metadata: of Parquet, from the verified footer.
        parts: number of hashes in the seal.
        digest: SHA-256 of the seal and the footer, in hex.

    Raises:
        ValueError: the file is torn, corrupt or has no seal.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        pa, pq = schema.arrow()
        self._file = path.open("rb")
        try:
            self._hashes, footer = self._read_seal()
        except Exception:
            self._file.close()
            raise
        self.digest = hashlib.sha256(self._hashes + footer).hexdigest()
        length = len(footer).to_bytes(4, "little")
        alone = pa.BufferReader(_PARQUET + footer + length + _PARQUET)
        self.metadata = pq.read_metadata(alone)
        self.parts = len(self._hashes) // _HASH
        self._at = 0
        self._held: list[tuple[int, memoryview]] = []

    def hold(self, clip: int, groups: Sequence[str]) -> None:
        """Read and verify some groups of columns of a clip; they replace what was held.

        Raises:
            ValueError: they do not match their hash.
        """
        self._held = []
        where = spans(self.metadata.row_group(clip))
        for name in groups:
            start, stop = where[name]
            if not 0 <= start <= stop <= self._size:
                raise ValueError(f"its {name} lie outside the file")
            data = self._read(start, stop)
            at = (clip * len(schema.GROUPS) + list(schema.GROUPS).index(name)) * _HASH
            if _digest(data) != self._hashes[at : at + _HASH]:
                raise ValueError(f"its {name} do not match their SHA-256")
            self._held.append((start, memoryview(data)))

    def release(self) -> None:
        """Let go of what is held."""
        self._held = []

    def read(self, size: int = -1) -> Any:
        """Verified bytes from the current place on.

        Raises:
            ValueError: bytes that are not held.
        """
        for start, data in self._held:
            if start <= self._at and size >= 0 and self._at + size <= start + len(data):
                part = data[self._at - start : self._at - start + size]
                self._at += size
                return part
        raise ValueError(f"its columns lie elsewhere than its footer says (byte {self._at})")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The current place."""
        return self._at

    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def seekable(self) -> bool:
        """It is."""
        return True

    def readable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    def _read_seal(self) -> tuple[bytes, bytes]:
        """The hashes of the clips, and the footer; both verified."""
        self._size = self._file.seek(0, os.SEEK_END)
        if self._read(0, 4) != _PARQUET:
            raise ValueError("not a Parquet file")
        tail = self._read(self._size - 8, self._size)
        length = int.from_bytes(tail[:4], "little")
        stop = self._size - 8 - length
        if tail[4:] != _PARQUET or not 0 < length <= _MAX_FOOTER or stop < len(_PARQUET):
            raise ValueError("it is torn: its end is missing")
        footer = self._read(stop, stop + length)
        trailer = self._read(max(0, stop - _TRAILER), stop)
        if not trailer.startswith(_MAGIC):
            raise ValueError("a Parquet file, but not a shard of kinecast")
        count = int.from_bytes(trailer[8:16], "little")
        start = stop - _TRAILER - count * _HASH
        if _digest(footer) != trailer[16 + _HASH :] or start < len(_PARQUET):
            raise ValueError("its footer does not match its SHA-256")
        hashes = self._read(start, stop - _TRAILER)
        if _digest(hashes) != trailer[16 : 16 + _HASH]:
            raise ValueError("its seal does not match its SHA-256")
        return hashes, footer

    def _read(self, start: int, stop: int) -> bytes:
        if start < 0:
            raise ValueError("it is torn: it is too short")
        data = os.pread(self._file.fileno(), stop - start, start)
        if len(data) != stop - start:
            raise ValueError("it is torn: it is shorter than it was")
        return data


def _digest(data: bytes | bytearray) -> bytes:
    return hashlib.sha256(data).digest()
