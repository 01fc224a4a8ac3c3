"""Some frames of a video as a video of their own."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError
from kinecast.core.video import Video


class _SelectedSource:
    """Frames of a video by their indices, which may repeat and need not be in order."""

    def __init__(self, video: Video, frames: Sequence[int], fps: float | None) -> None:
        self._video, self._frames, self.fps = video, frames, fps
        self.size = video.size

    def __len__(self) -> int:
        return len(self._frames)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        wanted = self._frames[start:stop]
        first = wanted[0] if len(wanted) else 0
        if list(wanted) == list(range(first, first + len(wanted))):
            return self._video[first : first + len(wanted)]
        W, H = self.size
        frames = np.empty((len(wanted), H, W, 3), np.uint8)
        for k, i in enumerate(wanted):
            same = k > 0 and wanted[k - 1] == i
            frames[k] = frames[k - 1] if same else self._video[i : i + 1][0]
        return frames


def selected(video: Video, frames: Sequence[int], fps: float | None) -> Video:
    """The video that shows the frames of those indices, as lazy as it was.

    Raises:
        UserError: no frames, or one that the video does not have.
    """
    if not len(frames) or min(frames) < 0 or max(frames) >= len(video):
        raise UserError(
            f"expected frames in [0, {len(video)}) of {video.name}, got "
            f"{'none' if not len(frames) else f'{min(frames)} to {max(frames)}'}"
        )
    return Video(_SelectedSource(video, frames, fps), video.name, video.warnings)


def at_rate(video: Video, fps: float) -> Video:
    """The video at another frame rate, by repeating and dropping frames.

    Frame i of the source takes the place round(i * fps / source rate), halves up; each place shows
    the last frame that has come by then. Source: FFmpeg's filter `fps` with its defaults, for a
    constant source rate.

    Raises:
        UserError: the video does not say its own rate.
    """
    if video.fps is None:
        raise UserError(f"expected a video that states its frame rate, got {video.name}")
    if video.fps == fps:
        return video
    ratio = fps / video.fps
    places = [math.floor(i * ratio + 0.5) for i in range(len(video) + 1)]
    frames = [i for i in range(len(video)) for _ in range(places[i], places[i + 1])]
    return selected(video, frames or [0], fps)
