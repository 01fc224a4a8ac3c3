"""A video cropped to another shape, as lazy as it was."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.video import Video
from kinecast.io.image import resize_image


@dataclass(frozen=True)
class Crop:
    """The largest centred part of a frame that has the shape of another one, and its new size.

    Attributes:
        corner: (x, y) of its first pixel.
        size: (W, H) of the part.
        target: (W, H) it is resized to.
    """

    corner: tuple[int, int]
    size: Size
    target: Size

    @classmethod
    def to(cls, source: Size, target: Size) -> "Crop":
        """Of a `source` frame, to the shape and size of a `target` frame; the aspect ratio is kept
        to the nearest pixel."""
        W, H = source
        shape = Fraction(*target)
        w = min(W, max(1, round(H * shape)))
        h = min(H, max(1, round(W / shape)))
        return cls(((W - w) // 2, (H - h) // 2), (w, h), target)

    @property
    def scale(self) -> float:
        """Pixels of the target per pixel of the source: above 1 the picture is enlarged."""
        return self.target[1] / self.size[1]

    def lost(self, source: Size) -> float:
        """The share of the source frame that is cut off."""
        return 1 - self.size[0] * self.size[1] / (source[0] * source[1])

    def points(self, xy: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of the source frame -> pixels of the target; outside the part they leave it."""
        corner = np.asarray(self.corner, xy.dtype)
        return coords.resize(xy - corner, self.size, self.target)


def cropped(video: Video, crop: Crop) -> Video:
    """The video inside a crop, at the crop's target size."""
    return Video(_Cropped(video, crop), video.name, video.warnings)


class _Cropped:
    def __init__(self, video: Video, crop: Crop) -> None:
        self._video, self._crop = video, crop
        self.size, self.fps = crop.target, video.fps

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        (x, y), (w, h) = self._crop.corner, self._crop.size
        frames = np.empty((stop - start, self.size[1], self.size[0], 3), np.uint8)
        for frame, image in zip(frames, self._video[start:stop], strict=True):
            frame[:] = resize_image(np.ascontiguousarray(image[y : y + h, x : x + w]), self.size)
        return frames
