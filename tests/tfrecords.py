"""TFRecord files and tf.train.Example messages, written as their specifications say."""

import struct

import numpy as np


def crc32c_bitwise(data):
    """CRC-32C, bit by bit."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def masked(data, crc=crc32c_bitwise):
    value = crc(data)
    return ((value >> 15 | value << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def write(path, records, crc=crc32c_bitwise):
    with path.open("wb") as file:
        for data in records:
            head = struct.pack("<Q", len(data))
            file.write(head + struct.pack("<I", masked(head)))
            file.write(data + struct.pack("<I", masked(data, crc)))
    return path


def varint(value):
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def feature(values, packed=True):
    """A Feature: bytes, float32 or integers."""
    if isinstance(values, list):
        return field(1, b"".join(field(1, value) for value in values))
    if values.dtype.kind == "f":
        numbers = values.astype("<f4")
        body = field(1, numbers.tobytes())
        return field(2, body if packed else b"".join(b"\x0d" + n.tobytes() for n in numbers))
    numbers = [varint(value) for value in values.tolist()]
    body = field(1, b"".join(numbers))
    return field(3, body if packed else b"".join(b"\x08" + number for number in numbers))


def example(values, packed=True):
    """A serialised Example of {name: list of bytes, or array (flattened)}."""
    entries = b""
    for name, value in values.items():
        value = value if isinstance(value, list) else np.ravel(value)
        entries += field(1, field(1, name.encode()) + field(2, feature(value, packed)))
    return field(1, entries)


def example_by_protobuf(values):
    """The same, by the protocol buffers' own library."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="e.proto", package="t", syntax="proto3")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for number, (label, kind, title) in enumerate(fields, 1):
            type_name = f".t.{kind}" if isinstance(kind, str) else None
            made.field.add(
                name=title, number=number, label=label, type_name=type_name,
                type=11 if type_name else kind,
            )  # fmt: skip

    one, many = 1, 3
    message("BytesList", (many, 12, "value"))
    message("FloatList", (many, 2, "value"))
    message("Int64List", (many, 3, "value"))
    message("Feature", (one, "BytesList", "bytes"), (one, "FloatList", "floats"),
            (one, "Int64List", "ints"))  # fmt: skip
    message("Entry", (one, 9, "key"), (one, "Feature", "value"))  # a map is a list of these
    message("Features", (many, "Entry", "feature"))
    message("Example", (one, "Features", "features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))()
    for name, value in values.items():
        entry = made.features.feature.add(key=name)
        if isinstance(value, list):
            entry.value.bytes.value.extend(value)
        elif value.dtype.kind == "f":
            entry.value.floats.value.extend(value.tolist())
        else:
            entry.value.ints.value.extend(value.tolist())
    return made.SerializeToString()
