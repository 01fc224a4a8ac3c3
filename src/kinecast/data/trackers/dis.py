"""Dense optical flow between two frames: OpenCV's DIS (Kroeger et al., ECCV 2016)."""

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size

REMAP_ROWS = 16384


class FlowPair(NamedTuple):
    """Flow from a to b and from b to a, in pixels of the frames it was asked for."""

    forward: Float32[np.ndarray, "h w 2"]
    backward: Float32[np.ndarray, "h w 2"]


def flow_pair(a: UInt8[np.ndarray, "h w"], b: UInt8[np.ndarray, "h w"]) -> FlowPair:
    """Both directions between two grey frames; bit-equal on every call and thread count."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return FlowPair(_calc(dis, a, b), _calc(dis, b, a))


def _calc(dis: cv2.DISOpticalFlow, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(dis.calc(a, b, None))  # type: ignore[call-overload]  # None: no first guess


def sample(
    image: Float32[np.ndarray, "h w c"], xy: Float32[np.ndarray, "n *p 2"]
) -> Float32[np.ndarray, "n *p c"]:
    """Bilinear values at edge-aligned points; outside, the border's.

    The maps given to cv2.remap are always (rows, columns): OpenCV 4 and 5 read one-dimensional maps
    differently. It takes at most 32767 of either.
    """
    maps = coords.to_pixel_centres(xy).reshape(len(xy), -1, 2)
    values = np.empty((*maps.shape[:2], image.shape[2]), np.float32)
    for row in range(0, len(maps), REMAP_ROWS):
        part = maps[row : row + REMAP_ROWS].astype(np.float32)
        x, y = np.ascontiguousarray(part[..., 0]), np.ascontiguousarray(part[..., 1])
        read = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        values[row : row + REMAP_ROWS] = read.reshape(*part.shape[:2], -1)
    return values.reshape(*xy.shape[:-1], -1)


def advance(
    pair: FlowPair, xy: Float32[np.ndarray, "n 2"], size: Size
) -> tuple[Float32[np.ndarray, "n 2"], Float32[np.ndarray, " n"]]:
    """Move points along `pair.forward`.

    Args:
        pair: flow of a (w, h) frame, the points' own or a reduced one.
        xy: edge-aligned points of a frame of `size`.
        size: (W, H).

    Returns:
        (moved points, forward-backward error), in pixels of `size`.
    """
    own = (pair.forward.shape[1], pair.forward.shape[0])
    here = coords.resize(xy, size, own)
    there = here + sample(pair.forward, here)
    back = there + sample(pair.backward, there)
    error = np.linalg.norm(coords.resize(back - here, own, size), axis=-1)
    return coords.resize(there, own, size), error
