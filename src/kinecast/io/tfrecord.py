"""TFRecord files of tf.train.Example, read without TensorFlow.

A record: its length (uint64), the masked CRC-32C of these 8 bytes, the data, the masked CRC-32C of
the data; all little-endian. An Example is a protocol buffer: a map from names to lists of bytes,
floats or integers. Sources: TensorFlow's tfrecord guide; tensorflow/core/example/{example,
feature}.proto; the protocol buffers' encoding guide.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinecast.core.errors import UserError
from kinecast.io.crc32c import crc32c

_MASK = 0xA282EAD8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_KINDS = {1: "bytes", 2: "float", 3: "int"}

Example = dict[str, "Feature"]


def read_records(path: str | Path) -> Iterator[memoryview]:
    """The records of a file, one at a time, their checksums verified.

    Raises:
        UserError: a record is cut off, or a checksum does not fit.
    """
    path = Path(path)
    left = path.stat().st_size
    with path.open("rb") as file:
        number = 0
        while head := file.read(12):
            left -= 12
            if len(head) < 12 or masked_crc(head[:8]) != struct.unpack("<I", head[8:])[0]:
                raise UserError(_damaged(path, number, "its length has a wrong checksum"))
            (length,) = struct.unpack("<Q", head[:8])
            left -= length + 4
            if left < 0:
                raise UserError(_damaged(path, number, f"it is cut off {-left} bytes early"))
            data = memoryview(file.read(length))
            if masked_crc(data) != struct.unpack("<I", file.read(4))[0]:
                raise UserError(_damaged(path, number, "its data has a wrong checksum"))
            yield data
            number += 1


def masked_crc(data: bytes | memoryview) -> int:
    """The checksum that TFRecord stores: CRC-32C, rotated by 15 bits, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def parse_example(data: bytes | memoryview) -> Example:
    """Name -> feature of a serialised tf.train.Example; values are decoded when they are asked for.

    Raises:
        UserError: not an Example.
    """
    example: Example = {}
    try:
        for number, _, features in _fields(memoryview(data)):
            if number != 1:
                raise ValueError(f"a field {number}")
            for _, _, entry in _fields(_view(features)):
                parts = {key: value for key, _, value in _fields(_view(entry))}
                name = bytes(_view(parts[1])).decode("utf-8")
                example[name] = _feature(_view(parts[2]))
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"expected a tf.train.Example in a record, got another ({error})"
        ) from error
    return example


@dataclass(frozen=True)
class Feature:
    """One list of values.

    Attributes:
        kind: "bytes", "float" or "int"; "" where the list has no kind.
        data: the serialised list.
    """

    kind: str
    data: memoryview

    def bytes_list(self) -> list[memoryview]:
        """The values of a list of bytes.

        Raises:
            UserError: another kind of list.
        """
        if self.kind != "bytes":
            raise UserError(f"expected a list of bytes, got {self.kind or 'an empty list'}")
        return [_view(value) for _, _, value in _fields(self.data)]

    def numbers(self) -> np.ndarray:
        """The values of a list of floats (float32) or integers (int64), packed or not.

        Raises:
            UserError: a list of bytes, or damaged.
        """
        if self.kind == "bytes":
            raise UserError("expected a list of numbers, got a list of bytes")
        try:
            parts = [_numbers(self.kind, wire, value) for _, wire, value in _fields(self.data)]
        except (ValueError, TypeError) as error:
            raise UserError(f"expected a list of numbers, got a damaged one ({error})") from error
        dtype = np.float32 if self.kind == "float" else np.int64
        return np.concatenate(parts).astype(dtype) if parts else np.empty(0, dtype)


def _feature(data: memoryview) -> Feature:
    for number, _, value in _fields(data):
        return Feature(_KINDS[number], _view(value))
    return Feature("", memoryview(b""))


def _numbers(kind: str, wire: int, value: int | memoryview) -> np.ndarray:
    if kind == "float":
        return np.frombuffer(_view(value), "<f4")
    if wire == _VARINT:
        return np.array([value], np.uint64).astype(np.int64)
    return _varints(np.frombuffer(_view(value), np.uint8))


def _varints(raw: np.ndarray) -> np.ndarray:
    """Packed varints as int64, all at once: 7 bits a byte, low ones first, the last below 128."""
    ends = np.flatnonzero(raw < 128)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise ValueError("a number is cut off")
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(ends)]
    lengths = ends - starts + 1
    if lengths.max(initial=0) > 10:
        raise ValueError("a number of more than 10 bytes")
    values = np.zeros(len(ends), np.uint64)
    for k in range(int(lengths.max(initial=0))):
        here = lengths > k
        values[here] |= (raw[starts[here] + k] & 127).astype(np.uint64) << np.uint64(7 * k)
    return values.astype(np.int64)


def _fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """(field number, wire type, value) of a message; a fixed value comes as its bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        value: int | memoryview
        if wire == _VARINT:
            value, at = _varint(data, at)
        else:
            if wire == _BYTES:
                length, at = _varint(data, at)
            elif wire in (_FIXED32, _FIXED64):
                length = 4 if wire == _FIXED32 else 8
            else:
                raise ValueError(f"the wire type {wire}")
            if length > len(data) - at:
                raise ValueError(f"a field of {length} bytes where {len(data) - at} are left")
            value = data[at : at + length]
            at += length
        yield number, wire, value


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if at >= len(data):
            raise ValueError("a number is cut off")
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise ValueError("a number of more than 10 bytes")


def _view(value: int | memoryview) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("a number where a message is due")
    return value


def _damaged(path: Path, number: int, what: str) -> str:
    return f"expected a TFRecord file, got {path}, whose record {number} is damaged: {what}"
