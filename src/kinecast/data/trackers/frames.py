"""Frames at the resolution trackers work at, streamed in either direction of time."""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.video import Video

WORKING_AREA = 480 * 854  # pixels; larger frames are reduced to it
SMALLEST_SIDE = 32  # optical flow needs a few patches each way; thinner frames are stretched
WINDOW_BYTES = 128 << 20  # of source frames held at once
WINDOW_FRAMES = 32


def working_size(size: Size) -> Size:
    """(W, H) that trackers work at: the frame's own shape, reduced to about 480p."""
    W, H = size
    scale = min(1.0, (WORKING_AREA / (W * H)) ** 0.5)
    return max(SMALLEST_SIDE, round(W * scale)), max(SMALLEST_SIDE, round(H * scale))


def stream(video: Video, order: range) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Frames of `video` in the given order (step 1 or -1), at the working size.

    Source frames are read in windows of bounded bytes: memory is flat in the video's length.
    """
    W, H = video.size
    length = int(np.clip(WINDOW_BYTES // (3 * W * H), 1, WINDOW_FRAMES))
    target = working_size(video.size)
    for at in range(0, len(order), length):
        frames = order[at : at + length]
        window = video[min(frames) : max(frames) + 1]
        for frame in window[:: order.step]:
            yield _resize(frame, target)


def _resize(frame: np.ndarray, size: Size) -> np.ndarray:
    if (frame.shape[1], frame.shape[0]) == size:
        return np.ascontiguousarray(frame)
    shrinks = frame.shape[1] * frame.shape[0] > size[0] * size[1]
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
