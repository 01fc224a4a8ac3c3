"""One frame as the default tracker keeps it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core.coords import Size
from kinecast.data.trackers.appearance import SPACING
from kinecast.data.trackers.frames import SMALLEST_SIDE


@dataclass(frozen=True)
class View:
    """A frame at the working size (W, H).

    Attributes:
        grey: for flow to the next frame.
        half: at half the size, for flow over longer distances.
        colour: smoothed, so that it can be sampled every `SPACING` pixels.
    """

    grey: UInt8[np.ndarray, "h w"]
    half: UInt8[np.ndarray, "h2 w2"]
    colour: Float32[np.ndarray, "h w 3"]

    @property
    def size(self) -> Size:
        """(W, H)."""
        return self.grey.shape[1], self.grey.shape[0]

    @classmethod
    def of(cls, frame: UInt8[np.ndarray, "h w 3"]) -> "View":
        """The view of an RGB frame."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        half = tuple(max(SMALLEST_SIDE, side // 2) for side in (grey.shape[1], grey.shape[0]))
        return cls(
            grey=grey,
            half=cv2.resize(grey, half, interpolation=cv2.INTER_AREA),
            colour=cv2.GaussianBlur(frame.astype(np.float32), (0, 0), SPACING / 2),
        )
