"""What a clip is recognised by: its exact motion, pieces of its motion, a thumbnail."""

import hashlib

import cv2
import numpy as np
from jaxtyping import Bool, Int32, UInt8, UInt64

from kinecast.core.coords import Size
from kinecast.data.shards.quantise import STEPS

SKETCH = 64  # pieces kept of a clip
THUMBNAIL = 32  # pixels a side

_PIECE = 8  # transitions between frames in a piece of a point's path
_COARSE = STEPS // 64  # steps are compared to 1/64 pixel: mirroring in float32 moves some by one
_LEAST_PATH = 4 * 64  # a piece that moves less than 4 pixels says nothing
_LEAST_CHANGES = 4  # ... nor does one of constant velocity
_P = np.uint64(0x9E3779B97F4A7C15)


def content_hash(
    steps: Int32[np.ndarray, "n 2 t"], visible: Bool[np.ndarray, "n t"], size: Size
) -> bytes:
    """SHA-256 of the motion alone: equal for equal quantised tracks, whatever they are called."""
    digest = hashlib.sha256(f"{size} {steps.shape}".encode())
    digest.update(np.ascontiguousarray(steps, "<i4").data)
    digest.update(np.packbits(visible).data)
    return digest.digest()


def motion_sketch(
    steps: Int32[np.ndarray, "n 2 t"], visible: Bool[np.ndarray, "n t"]
) -> UInt64[np.ndarray, " k"]:
    """At most 64 hashes of pieces of paths, the smallest of all (a bottom-k sketch).

    A piece is 8 transitions of one point: the absolute steps in x and in y, read in the direction
    of time that hashes lower. So a clip mirrored, reversed, cropped or cut in time keeps its
    pieces, and two clips share hashes in proportion to what they share of motion. Pieces that
    barely move or move at constant velocity are no evidence and are left out.
    """
    if steps.shape[2] <= _PIECE or steps.shape[0] == 0:
        return np.zeros(0, np.uint64)
    moved = (np.abs(np.diff(steps.astype(np.int64), axis=2)) // _COARSE).astype(np.uint64)
    known = visible[:, 1:] & visible[:, :-1]
    token = _mix(moved[:, 0] * _P + moved[:, 1])
    count = token.shape[1] - _PIECE + 1
    forward, backward = np.zeros((2, len(token), count), np.uint64)
    whole = np.ones((len(token), count), bool)
    path = np.zeros((len(token), count), np.uint64)
    changes = np.zeros((len(token), count), np.uint8)
    for k in range(_PIECE):
        part = slice(k, k + count)
        forward = forward * _P + token[:, part]
        backward = backward * _P + token[:, _PIECE - 1 - k : _PIECE - 1 - k + count]
        whole &= known[:, part]
        path += moved[:, 0, part] + moved[:, 1, part]
        if k:
            changes += token[:, part] != token[:, k - 1 : k - 1 + count]
    telling = whole & (path >= _LEAST_PATH) & (changes >= _LEAST_CHANGES)
    hashes = np.sort(_mix(np.minimum(forward, backward)[telling]))
    return hashes[np.diff(hashes, prepend=~hashes[:1]) != 0][:SKETCH]


def thumbnail(picture: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The picture as 32 x 32 grey levels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8).tobytes()


def _mix(x: UInt64[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """The finaliser of splitmix64: every bit depends on every bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
