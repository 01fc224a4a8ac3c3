"""CRC-32C (Castagnoli), as TFRecord files carry it, without a compiled extension.

The register after a byte is linear in the register before it (over GF(2)). So the data is cut into
equal lanes, whose registers run side by side through NumPy, and a lane's register is carried over
the bytes of the lanes after it by a matrix. Source: RFC 3720, appendix B.4 (polynomial, test
vectors); M. Adler, zlib's crc32_combine (carrying over zeros).
"""

import numpy as np
from jaxtyping import UInt32

_POLYNOMIAL = 0x82F63B78  # bits reversed
_LANES = 4096
_WHOLE = 0xFFFFFFFF


def _table() -> UInt32[np.ndarray, "256"]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table.astype(np.uint32)


_TABLE = _table()


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of bytes."""
    values = np.frombuffer(data, np.uint8)
    length = len(values) // _LANES
    head = length * _LANES
    register = _WHOLE
    if length:
        lanes = np.zeros(_LANES, np.uint32)
        lanes[0] = register
        for column in np.ascontiguousarray(values[:head].reshape(_LANES, length).T):
            lanes = _TABLE[(lanes ^ column) & 0xFF] ^ (lanes >> 8)
        register = _joined(lanes, length)
    for value in values[head:].tolist():
        register = int(_TABLE[(register ^ value) & 0xFF]) ^ (register >> 8)
    return register ^ _WHOLE


def _joined(lanes: UInt32[np.ndarray, " lanes"], length: int) -> int:
    """The register after all lanes: neighbours are joined until one is left."""
    over = _over_zeros(length)
    while len(lanes) > 1:
        lanes = _times(over, lanes[::2]) ^ lanes[1::2]
        over = _times(over, over)
    return int(lanes[0])


def _over_zeros(length: int) -> UInt32[np.ndarray, "32"]:
    """What `length` bytes of zero do to each bit of a register: a matrix, a column a bit."""
    power = np.uint32(1) << np.arange(32, dtype=np.uint32)
    one = (_TABLE[power & 0xFF] ^ (power >> 8)).astype(np.uint32)
    result = power
    while length:
        if length & 1:
            result = _times(one, result)
        one = _times(one, one)
        length >>= 1
    return result


def _times(matrix: UInt32[np.ndarray, "32"], columns: UInt32[np.ndarray, " n"]) -> np.ndarray:
    """A matrix over GF(2) applied to registers."""
    product = np.zeros_like(columns)
    for bit in range(32):
        product ^= np.where((columns >> np.uint32(bit)) & 1, matrix[bit], np.uint32(0))
    return product
