"""Frame to frame motion at a small size, and the cuts between shots.

A cut is where the picture before does not explain the picture after: what is left after moving the
one onto the other by optical flow is large, by itself and beside what its neighbours leave, and the
colours changed or the flow found nothing that moves. A flash is no cut: the frames on either side
of it explain each other.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.io.image import resize_image

AREA = 160 * 90  # pixels that pictures are reduced to
UNEXPLAINED = 0.055  # share of full scale that the flow leaves: a cut leaves more
BESIDE = 3.0  # ... and this many times what its neighbours leave
RECOLOURED = 0.25  # share of pixels that change their colour bin, at which that much is enough
UNEXPLAINED_ALIKE = 0.11  # ... and what a cut between pictures of like colours leaves
NEIGHBOURS = 6  # pairs of frames on each side
_FLASH = 2  # frames
_BINS = (8, 8, 8)


@dataclass
class Motion:
    """What each pair of frames (t - 1, t) shows; entry 0 is zero.

    Attributes:
        left: mean absolute difference that flow does not explain, share of full scale.
        recoloured: share of pixels that change their colour bin.
        fastest: 99th percentile of the flow's length, share of the diagonal.
        global_: length of the median flow, share of the diagonal.
        flashes: t at which a flash of one or two frames begins or ends.
    """

    left: list[float] = field(default_factory=list)
    recoloured: list[float] = field(default_factory=list)
    fastest: list[float] = field(default_factory=list)
    global_: list[float] = field(default_factory=list)
    flashes: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class _Small:
    grey: UInt8[np.ndarray, "h w"]
    colours: Float32[np.ndarray, " bins"]


def measure(windows: Iterable[UInt8[np.ndarray, "t h w 3"]]) -> Motion:
    """Motion of a video whose frames come in windows; memory is that of a window."""
    motion = Motion()
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    recent: deque[_Small] = deque(maxlen=_FLASH + 1)
    for window in windows:
        for frame in window:
            now = _small(frame)
            rows = _pair(flow, recent[-1], now) if recent else (0.0, 0.0, 0.0, 0.0)
            for values, value in zip(
                (motion.left, motion.recoloured, motion.fastest, motion.global_), rows, strict=True
            ):
                values.append(round(value, 6))
            for length in range(1, len(recent)):
                ends = motion.left[-1 - length], motion.left[-1]
                if min(ends) > UNEXPLAINED:
                    across, *_ = _pair(flow, recent[-1 - length], now)
                    if across < 0.5 * min(ends):
                        t = len(motion.left) - 1
                        motion.flashes |= {t - length, t}
            recent.append(now)
    return motion


def cuts(motion: Motion) -> list[int]:
    """Frames at which a new shot begins, increasing; frame 0 is none."""
    left, recoloured = np.array(motion.left), np.array(motion.recoloured)
    found = []
    for t in range(1, len(left)):
        near = np.r_[left[max(1, t - NEIGHBOURS) : t], left[t + 1 : t + 1 + NEIGHBOURS]]
        usual = float(np.median(near)) if len(near) else 0.0
        enough = UNEXPLAINED if recoloured[t] > RECOLOURED else UNEXPLAINED_ALIKE
        if left[t] > enough and left[t] > BESIDE * usual and t not in motion.flashes:
            found.append(t)
    return found


def small_size(size: Size) -> Size:
    """(W, H) of the reduced pictures: the frame's own shape, and 16 pixels or more a side."""
    W, H = size
    scale = min(1.0, (AREA / (W * H)) ** 0.5)
    return max(16, round(W * scale)), max(16, round(H * scale))


def _small(frame: UInt8[np.ndarray, "h w 3"]) -> _Small:
    image = resize_image(frame, small_size((frame.shape[1], frame.shape[0])))
    counts = cv2.calcHist([image], [0, 1, 2], None, list(_BINS), [0, 256] * 3).ravel()
    return _Small(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), counts / counts.sum())


def _pair(
    flow: cv2.DISOpticalFlow, before: _Small, now: _Small
) -> tuple[float, float, float, float]:
    """(left, recoloured, fastest, global) from one picture to the next."""
    H, W = now.grey.shape
    back = flow.calc(now.grey, before.grey, None)  # type: ignore[call-overload]  # where each pixel of now was before
    xy = np.stack(np.meshgrid(np.arange(W), np.arange(H)), -1).astype(np.float32) + back
    moved = cv2.remap(
        before.grey, xy[..., 0], xy[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    left = float(cv2.absdiff(moved, now.grey).mean()) / 255
    recoloured = float(np.abs(before.colours - now.colours).sum()) / 2
    diagonal = coords.diagonal((W, H))
    fastest = float(np.percentile(np.linalg.norm(back, axis=-1), 99)) / diagonal
    middle = np.median(back.reshape(-1, 2), axis=0)
    return left, recoloured, fastest, float(np.linalg.norm(middle)) / diagonal
