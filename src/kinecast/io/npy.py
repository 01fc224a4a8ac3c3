"""NumPy's own files in memory, as archives hold them: plain arrays, never pickles.

A header states how long the array is, and a hostile one states anything: it is compared with the
bytes that are there before anything of that length is made.
"""

import io
import math
import tokenize
import zipfile
import zlib

import numpy as np

from kinecast.core.errors import UserError

_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_SMALL = 64 << 20  # bytes that a member may always unpack to
_RATIO = 200  # unpacked to packed; pictures and arrays stay below


def parse_npy(data: bytes, where: str) -> np.ndarray:
    """The array of an .npy file, a read-only view of its bytes; any byte order.

    Args:
        data: the file.
        where: what to call it in messages.

    Raises:
        UserError: not an .npy file, truncated, or an array of objects.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _READ_HEADER:
            raise ValueError(f"format version {version}")
        shape, fortran, dtype = _READ_HEADER[version](stream)
        if dtype.hasobject or dtype.names is not None:
            raise ValueError(f"dtype {dtype}: only plain numbers are read")
        count, start = math.prod(shape), stream.tell()
        if count * dtype.itemsize != len(data) - start:
            raise ValueError(
                f"{len(data) - start} bytes for an array of shape {shape} {dtype}, truncated?"
            )
        array = np.frombuffer(data, dtype, count, start)
    except (ValueError, TypeError, OverflowError, SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"expected an .npy array in {where}, got: {error}") from error
    return array.reshape(shape, order="F" if fortran else "C")


def parse_npz(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name.

    Raises:
        UserError: not an .npz file, damaged, a member that unpacks to more than 200 times its
            size, or an array as `parse_npy` refuses it.
    """
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.file_size > max(_SMALL, _RATIO * info.compress_size):
                    raise UserError(
                        f"expected arrays in {where}, got {info.filename!r}, which unpacks from "
                        f"{info.compress_size} to {info.file_size} bytes: it looks like a zip bomb"
                    )
                name = info.filename.removesuffix(".npy")
                arrays[name] = parse_npy(archive.read(info), f"{where}/{info.filename}")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"expected an .npz file in {where}, got: {error}") from error
    return arrays


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as the bytes of an .npy file, C order; the same array gives the same bytes."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()
