"""The frames of one clip at its size: decoded once, cropped about the middle, resized."""

import numpy as np

from kinecast.core.coords import Size
from kinecast.core.video import ArraySource, Video
from kinecast.io.image import resize_image


def crop_box(size: Size, target: Size) -> tuple[int, int, int, int]:
    """(left, top, width, height) of the largest box of the target's shape, in the middle."""
    W, H = size
    scale = min(W / target[0], H / target[1])
    width, height = max(1, round(target[0] * scale)), max(1, round(target[1] * scale))
    return (W - width) // 2, (H - height) // 2, width, height


def clip_video(video: Video, start: int, stop: int, size: Size) -> Video:
    """Frames [start, stop) in memory, at (W, H) pixels; what does not fit is cropped off."""
    left, top, width, height = crop_box(video.size, size)
    frames = np.empty((stop - start, size[1], size[0], 3), np.uint8)
    for at in range(start, stop):
        frame = video[at : at + 1][0, top : top + height, left : left + width]
        frames[at - start] = resize_image(frame, size)
    return Video(ArraySource(frames, video.fps), video.name)
