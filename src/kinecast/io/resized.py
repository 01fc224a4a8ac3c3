"""A video at another size."""

import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.video import Video
from kinecast.io.image import resize_image


class _ResizedSource:
    """The frames of a video at (W, H) pixels."""

    def __init__(self, video: Video, size: Size) -> None:
        self._video, self.size, self.fps = video, size, video.fps

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        W, H = self.size
        frames = np.empty((stop - start, H, W, 3), np.uint8)
        for frame, image in zip(frames, self._video[start:stop], strict=True):
            frame[:] = resize_image(image, self.size)
        return frames


def resized(video: Video, size: Size) -> Video:
    """The video at (W, H) pixels, as lazy as it was; the aspect ratio need not be kept."""
    return Video(_ResizedSource(video, size), video.name, video.warnings)
