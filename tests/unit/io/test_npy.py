"""Arrays in memory: what is read, and what a hostile header may not do."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kinecast.core.errors import UserError
from kinecast.io.npy import npy_bytes, parse_npy, parse_npz


def saved(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@given(
    st.sampled_from([">f4", "<f8", "u1", "?", ">i2"]).flatmap(
        lambda dtype: arrays(dtype, array_shapes(max_dims=4, max_side=4))
    ),
    st.booleans(),
)
def test_any_byte_order_and_axis_order(array, fortran):
    array = np.asfortranarray(array) if fortran else array
    np.testing.assert_array_equal(parse_npy(saved(array), "x"), array)
    np.testing.assert_array_equal(parse_npy(npy_bytes(array), "x"), array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic"),
        (b"PK\x03\x04", "magic"),
        (saved(np.zeros(5))[:-1], "truncated"),
        (saved(np.zeros(5)) + b"x", "bytes for an array"),
        (saved(np.array([{}])), "plain numbers"),
        (saved(np.zeros(2, [("a", "f4")])), "plain numbers"),
        (saved(np.zeros((2, 2))).replace(b"(2, 2), ", b"(2, -2),"), "."),
        (saved(np.zeros((2, 2))).replace(b"(2, 2)", b"(2, x)"), "."),
    ],
)
def test_what_is_not_an_array_is_named(content, message):
    with pytest.raises(UserError, match=message) as error:
        parse_npy(content, "part of shard")
    assert "part of shard" in str(error.value)


def test_a_packed_flood_of_zeros_is_not_unpacked():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(100 << 20))
    with pytest.raises(UserError, match="zip bomb"):
        parse_npz(stream.getvalue(), "x.npz")
    with pytest.raises(UserError, match=r"expected an \.npz file in x\.npz"):
        parse_npz(stream.getvalue()[:-30], "x.npz")
