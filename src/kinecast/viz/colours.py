"""A colour for every point, by where it starts."""

import numpy as np
from jaxtyping import Float, UInt8

from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks

# OKLab to linear sRGB (B. Ottosson, "A perceptual color space for image processing", 2020).
_LMS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
_HUES = (np.radians(-5.0), np.radians(305.0))  # rose, gold, green, cyan, blue, violet
_LIGHTNESS = (0.82, 0.70)
_CHROMA = 0.155


def point_colours(xy: Float[np.ndarray, "n 2"], size: Size) -> UInt8[np.ndarray, "n 3"]:
    """RGB of points at xy (pixels of a (W, H) frame): hue across the frame, lightness down it.

    Hue, lightness and chroma are those of OKLab, so that all colours stand out alike and neighbours
    look alike. Points outside the frame take the colour of its nearest edge.
    """
    place = np.nan_to_num(np.asarray(xy, np.float64) / np.asarray(size)).clip(0, 1)
    hue = _HUES[0] + (_HUES[1] - _HUES[0]) * place[:, 0]
    lightness = _LIGHTNESS[0] + (_LIGHTNESS[1] - _LIGHTNESS[0]) * place[:, 1]
    lab = np.stack([lightness, _CHROMA * np.cos(hue), _CHROMA * np.sin(hue)], axis=-1)
    linear = ((lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T).clip(0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * srgb).astype(np.uint8)


def track_colours(tracks: Tracks) -> UInt8[np.ndarray, "n 3"]:
    """RGB of each point, by where it was laid: its grid point, or its first visible position."""
    if tracks.grid is not None:
        return point_colours(tracks.grid.points().reshape(-1, 2), tracks.size)
    first = tracks.visible.argmax(axis=0)
    return point_colours(tracks.xy[first, np.arange(tracks.count)], tracks.size)
