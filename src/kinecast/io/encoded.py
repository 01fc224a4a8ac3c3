"""Frames that are encoded pictures in memory (JPEG or PNG bytes), decoded as they are asked for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.io.image import decode_image


class EncodedSource:
    """Frames of one size, each the bytes of an image file: a list, or an array of bytes.

    Raises:
        UserError: there are none, or the first is not an image.
    """

    def __init__(
        self,
        frames: Sequence[bytes | memoryview] | np.ndarray,
        fps: float | None,
        name: str = "video",
    ) -> None:
        if len(frames) == 0:
            raise UserError(f"expected frames, got none in {name}")
        self._frames, self._name, self.fps = frames, name, fps
        H, W = decode_image(frames[0], f"frame 0 of {name}").shape[:2]
        self.size: Size = (W, H)

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop).

        Raises:
            UserError: a frame is not an image, or has another size than the first.
        """
        W, H = self.size
        frames = np.empty((stop - start, H, W, 3), np.uint8)
        for i in range(start, stop):
            image = decode_image(self._frames[i], f"frame {i} of {self._name}")
            if image.shape[:2] != (H, W):
                raise UserError(
                    f"expected frames of one size, {W}x{H}, in {self._name}, got "
                    f"{image.shape[1]}x{image.shape[0]} in frame {i}"
                )
            frames[i - start] = image
        return frames


def encoded_video(
    frames: Sequence[bytes | memoryview] | np.ndarray, fps: float | None = None, name: str = "video"
) -> Video:
    """A lazy video of encoded pictures.

    Raises:
        UserError: there are none, or the first is not an image.
    """
    return Video(EncodedSource(frames, fps, name), name)
