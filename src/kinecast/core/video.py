"""Video: frames on the CPU, read window by window."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from: a file, a folder of images, an array."""

    size: Size
    fps: float | None

    def __len__(self) -> int:
        """Number of frames."""

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop), RGB."""


class Video:
    """A lazy video: `video[a:b]` decodes only those frames.

    Attributes:
        size: (W, H) as displayed.
        fps: frames a second, or None when the source has none.
        name: what to call it in messages and provenance.
        warnings: what the user should know of the source (truncated, damaged frames); the source
            may add to it while frames are read.
    """

    def __init__(
        self, source: FrameSource, name: str = "video", warnings: list[str] | None = None
    ) -> None:
        self.warnings = [] if warnings is None else warnings
        self._source = source
        self.size = source.size
        self.fps = source.fps
        self.name = name

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, frames: slice) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames of a slice with step 1, as uint8 RGB.

        Raises:
            UserError: a step other than 1.
        """
        start, stop, step = frames.indices(len(self))
        if step != 1:
            raise UserError(f"expected video[start:stop] with step 1, got step {step}")
        return self._source.read(start, max(start, stop))

    def windows(self, length: int) -> Iterator[UInt8[np.ndarray, "t h w 3"]]:
        """Consecutive windows of at most `length` frames: memory flat in the video's length."""
        for start in range(0, len(self), length):
            yield self[start : start + length]


class ArraySource:
    """Frames that are already in memory, uint8 RGB (T, H, W, 3)."""

    def __init__(self, frames: UInt8[np.ndarray, "t h w 3"], fps: float | None = None) -> None:
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
            raise UserError(
                f"expected uint8 RGB frames (T, H, W, 3), got {frames.dtype} {frames.shape}"
            )
        self._frames = frames
        self.size = (frames.shape[2], frames.shape[1])
        self.fps = fps

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        return self._frames[start:stop]
