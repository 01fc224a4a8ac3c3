"""NumPy's arrays, dtypes and scalars out of what a pickle states of them, checked.

NumPy's own functions for this believe the state: it can give an array of pointers any bytes, or a
structure overlapping fields. Here an array is made of a shape, a plain dtype and bytes of just that
length, or of a list of just as many objects.
"""

import math
from typing import Any, Literal

import numpy as np

from kinecast.core.errors import UserError

_CORE = ("numpy.core.", "numpy._core.")  # NumPy 1 and 2
NUMPY_NAMES = {  # what NumPy's pickles call -> what it is here
    "numpy.dtype": "dtype",
    "numpy.ndarray": "ndarray",
    **{f"{core}multiarray._reconstruct": "array" for core in _CORE},
    **{f"{core}multiarray.scalar": "scalar" for core in _CORE},
    **{f"{core}numeric._frombuffer": "buffer" for core in _CORE},
}
_KINDS = "biufcSUO"  # numbers, bytes, texts, objects


def expect(value: Any, kind: type) -> Any:
    """The value, if it is of a kind.

    Raises:
        ValueError: another kind.
    """
    if not isinstance(value, kind):
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} is due")
    return value


def refusal(name: str) -> str:
    """The message for what is not admitted in a pickle."""
    return (
        f"expected a pickle of NumPy arrays and built-in values only, got {name[:200]}; it was not "
        "run. Do not open this file with pickle.load"
    )


def dtype_of(spec: str, state: tuple[Any, ...]) -> np.dtype:
    """A dtype of plain numbers, texts or objects.

    Args:
        spec: its code, such as "f4".
        state: (version, byte order, subarray, names, fields, ...).

    Raises:
        UserError: any other dtype.
        ValueError: damaged.
    """
    if not spec[1:].isdecimal() or spec[0] not in _KINDS or len(spec) > 12:
        raise UserError(refusal(f"the dtype {spec!r}"))
    if state[2:5] != (None, None, None):
        raise UserError(refusal("a structured dtype"))
    dtype = np.dtype(spec)
    if dtype.itemsize == 0:
        raise ValueError(f"the dtype {spec!r} without a size")
    return dtype.newbyteorder(state[1]) if state[1] in (">", "<") else dtype


def array_of_state(state: tuple[Any, ...]) -> np.ndarray:
    """An array of (version, shape, dtype, is Fortran, data); the version may be missing."""
    shape, dtype, fortran, raw = state[-4:]
    return _array(shape, dtype, bool(fortran), raw)


def array_of_buffer(arguments: tuple[Any, ...]) -> np.ndarray:
    """An array of (data, dtype, shape, order), or with the order "K" also its axes."""
    raw, dtype, shape, order = arguments[:4]
    if order != "K":
        return _array(shape, dtype, order == "F", raw)
    axes = tuple(expect(axis, int) for axis in expect(arguments[4], tuple))
    return _array(shape, dtype, False, raw).transpose(axes)


def scalar_of(arguments: tuple[Any, ...]) -> Any:
    """A NumPy scalar of (dtype, data)."""
    dtype, raw = arguments
    return _array((1,), dtype, False, raw)[0]


def _array(shape: Any, dtype: Any, fortran: bool, raw: Any) -> np.ndarray:
    shape = tuple(expect(n, int) for n in expect(shape, tuple))
    dtype = expect(dtype, np.dtype)
    order: Literal["F", "C"] = "F" if fortran else "C"
    if min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape}")
    if dtype.hasobject:
        if math.prod(shape) != len(expect(raw, list)):
            raise ValueError(f"an array of shape {shape} of {len(raw)} objects")
        array = np.empty(len(raw), object)
        for i, value in enumerate(raw):
            array[i] = value
        return array.reshape(shape, order=order)
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw  # Python 2
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise ValueError(f"an array of a {type(raw).__name__}")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"an array of shape {shape} {dtype} of {len(raw)} bytes")
    if len(raw) == 0:
        return np.empty(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order=order)
