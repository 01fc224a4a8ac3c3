"""Stored pictures: encoding, decoding with checks, and a lazy source of frames over them."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.video import Video

JPEG_QUALITY = 92
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_PNG_EFFORT = 3  # of 9: larger by some percent, several times faster
_AT_ONCE = 8  # frames of a video held while it is encoded


def encode_first(video: Video) -> list[bytes]:
    """Frame 0, lossless (PNG)."""
    return [_encode(video[0:1][0], ".png", [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT])]


def encode_all(video: Video) -> list[bytes]:
    """Every frame as a JPEG of quality 92 with full colour resolution."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]  # fmt: skip
    return [_encode(frame, ".jpg", options) for part in video.windows(_AT_ONCE) for frame in part]


def decode(data: bytes, size: Size) -> UInt8[np.ndarray, "h w 3"]:
    """A stored picture as RGB; its own header must say that it has the clip's size.

    Raises:
        ValueError: not a PNG or JPEG, of another size, or damaged.
    """
    says = _header_size(data)  # before a hostile header makes a decoder take gigabytes
    if says != size:
        raise ValueError(f"expected a picture of {size} pixels, got {says}")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if image is None or image.shape[1::-1] != size:
        raise ValueError("expected a picture, got one that does not decode")
    return np.asarray(image, np.uint8)


class StoredFrames:
    """T frames of which all, or only the first, are stored.

    Args:
        load: the encoded pictures, read when a frame is first asked for.
        decode: one encoded picture -> frame.
        size, fps, length: of the clip.
        name: what to call it in messages.
    """

    def __init__(
        self,
        load: Callable[[], Sequence[bytes]],
        decode: Callable[[bytes], UInt8[np.ndarray, "h w 3"]],
        size: Size,
        fps: float | None,
        length: int,
        name: str,
    ) -> None:
        self.size, self.fps = size, fps
        self._load, self._decode, self._length, self._name = load, decode, length, name
        self._pictures: Sequence[bytes] | None = None

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop).

        Raises:
            UserError: a frame that is not stored, or damaged.
        """
        W, H = self.size
        if start == stop:
            return np.zeros((0, H, W, 3), np.uint8)
        if self._pictures is None:
            self._pictures = self._load()
        if stop > len(self._pictures):
            raise UserError(
                f"expected frames of {self._name} that are stored, got [{start}, {stop}): only its "
                'first picture is; make the shard with pictures="all"'
            )
        return np.stack([self._decode(data) for data in self._pictures[start:stop]])


def _encode(frame: UInt8[np.ndarray, "h w 3"], suffix: str, options: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, np.ascontiguousarray(frame[..., ::-1]), options)
    if not done:
        raise UserError(f"cannot encode a frame of {frame.shape} as {suffix}")
    return bytes(data.tobytes())


def _header_size(data: bytes) -> Size:
    """(W, H) that the header of a PNG or JPEG states.

    Raises:
        ValueError: neither, or no size in it.
    """
    if data.startswith(_PNG) and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data.startswith(_JPEG):
        at = 2
        while at + 9 <= len(data) and data[at] == 0xFF:
            kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # a start of frame
                H, W = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
                return W, H
            at += 2 + length
    raise ValueError("expected a PNG or JPEG, got something else")
