"""A video of dark frames, for tracks that have none (simulated worlds)."""

import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.video import Video

_SHADE = (24, 26, 30)


class _BlankSource:
    """`length` equal dark frames."""

    def __init__(self, size: Size, length: int, fps: float | None) -> None:
        self.size = size
        self.fps = fps
        self._length = length

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        W, H = self.size
        return np.broadcast_to(np.array(_SHADE, np.uint8), (stop - start, H, W, 3))


def blank_video(size: Size, length: int, fps: float | None = None) -> Video:
    """A video of `length` dark (W, H) frames, to draw tracks on."""
    return Video(_BlankSource(size, length, fps), "blank")
