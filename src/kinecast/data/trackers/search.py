"""Find a hidden point again by its looks."""

import cv2
import numpy as np
from jaxtyping import Float32

from kinecast.core import coords
from kinecast.data.trackers.appearance import RADIUS, SPACING, Templates

FARTHEST = 40  # working pixels
ALIKE = 0.5  # mismatch of a find
DIFFERENT = 1.0  # mismatch that everything else must have
APART = 6.0  # working pixels from which on it is something else


def search(
    colour: Float32[np.ndarray, "h w 3"],
    templates: Templates,
    n: int,
    xy: Float32[np.ndarray, "2"],
    reach: float,
) -> Float32[np.ndarray, "2"] | None:
    """Where window n lies within `reach` of xy, or None: nothing is alike, or two places are.

    Every `SPACING`-th pixel is tried; the mismatch leaves out changes of light.
    """
    steps = int(min(reach, FARTHEST)) // SPACING
    span = steps * SPACING + RADIUS
    middle = np.floor(xy).astype(int)  # the pixel that holds the point
    low = middle - span
    low += np.where(low < 0, -(low // SPACING) * SPACING, 0)
    high = np.minimum(middle + span + 1, colour.shape[1::-1])
    area = np.ascontiguousarray(colour[low[1] : high[1] : SPACING, low[0] : high[0] : SPACING])
    side = 2 * RADIUS // SPACING + 1
    if min(area.shape[:2]) < side:
        return None
    window = templates.colour[n].reshape(side, side, 3)
    # TM_SQDIFF squares the mask with the difference
    weight = np.repeat(np.sqrt(templates.weight[n]).reshape(side, side, 1), 3, axis=2)
    squared = cv2.matchTemplate(area, window, cv2.TM_SQDIFF, mask=weight) / 3
    mismatch = squared / templates.allowance[n]
    row, column = np.unravel_index(mismatch.argmin(), mismatch.shape)
    best = mismatch[row, column]
    rows, columns = np.mgrid[: mismatch.shape[0], : mismatch.shape[1]]
    other = np.hypot(rows - row, columns - column) * SPACING > APART
    if best > ALIKE or (other.any() and mismatch[other].min() < DIFFERENT):
        return None
    found = low + SPACING * np.array([column, row]) + RADIUS
    return coords.from_pixel_centres(found.astype(np.float32))
