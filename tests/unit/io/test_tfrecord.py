import struct

import numpy as np
import pytest
import tfrecords
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.io.crc32c import crc32c
from kinecast.io.tfrecord import parse_example, read_records


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),  # RFC 3720, B.4
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_checksums(data, value):
    assert crc32c(data) == value


@pytest.mark.parametrize("length", [4095, 4096, 4097, 12289, 50001])
def test_lanes_give_what_one_byte_after_another_gives(length):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == tfrecords.crc32c_bitwise(data)


VALUES = {
    "text": [b"one", b"", b"\xff" * 300],
    "floats": np.array([1.5, -2.25, np.inf], np.float32),
    "ints": np.array([0, 1, 127, 128, 65535, 2**40, -1, -(2**63), 2**63 - 1], np.int64),
}


@pytest.mark.parametrize("packed", [True, False])
def test_an_example_comes_back(packed):
    example = parse_example(tfrecords.example(VALUES, packed))
    assert [bytes(v) for v in example["text"].bytes_list()] == VALUES["text"]
    np.testing.assert_array_equal(example["floats"].numbers(), VALUES["floats"])
    np.testing.assert_array_equal(example["ints"].numbers(), VALUES["ints"])
    with pytest.raises(UserError, match="list of bytes"):
        example["ints"].bytes_list()
    with pytest.raises(UserError, match="list of numbers"):
        example["text"].numbers()


def test_an_example_is_what_protocol_buffers_write():
    pytest.importorskip("google.protobuf", reason="the reference encoder is not installed")
    data = tfrecords.example_by_protobuf(VALUES)
    np.testing.assert_array_equal(parse_example(data)["ints"].numbers(), VALUES["ints"])
    np.testing.assert_array_equal(parse_example(data)["floats"].numbers(), VALUES["floats"])
    assert [bytes(v) for v in parse_example(data)["text"].bytes_list()] == VALUES["text"]


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_any_integers_come_back(values):
    data = tfrecords.example({"x": np.array(values, np.int64)})
    assert parse_example(data)["x"].numbers().tolist() == values


@given(st.binary(max_size=60))
def test_other_bytes_are_no_example(data):
    try:
        example = parse_example(data)
        values = [f.numbers() if f.kind != "bytes" else f.bytes_list() for f in example.values()]
    except UserError:
        return
    assert sum(map(len, values)) <= len(data)


def test_records_come_back(tmp_path):
    path = tfrecords.write(tmp_path / "x.tfrecord", [b"one", b"", b"x" * 10000])
    assert [bytes(record) for record in read_records(path)] == [b"one", b"", b"x" * 10000]


@pytest.mark.parametrize("at", [0, 9, 12, 14, 16])
def test_damage_is_found(at, tmp_path):
    path = tfrecords.write(tmp_path / "x.tfrecord", [b"fine"])
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="record 0 is damaged"):
        list(read_records(path))


@pytest.mark.parametrize("keep", [5, 12, 14, 17])
def test_a_truncated_file_is_refused(keep, tmp_path):
    path = tfrecords.write(tmp_path / "x.tfrecord", [b"fine"])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="damaged"):
        list(read_records(path))


def test_a_stated_length_is_not_believed(tmp_path):
    head = struct.pack("<Q", 1 << 60)
    path = tmp_path / "x.tfrecord"
    path.write_bytes(head + struct.pack("<I", tfrecords.masked(head)) + b"x" * 20)
    with pytest.raises(UserError, match="cut off"):
        list(read_records(path))
