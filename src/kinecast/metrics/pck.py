"""PCK: the share of points within d pixels of the truth, and its average delta_avg.

Stillness wins every point that moves less than d: show the share of moving points beside it.

Source: Doersch et al., TAP-Vid (NeurIPS 2022), section 3.3, here without a query frame; ZipMo
(arXiv 2604.11737), table of reconstruction, prints it x 100.
"""

import numpy as np
from jaxtyping import Float

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import where_visible
from kinecast.metrics.tapvid import FRAME, THRESHOLDS


def pck(xy: Float[np.ndarray, "t n 2"], truth: Tracks, frame: Size = FRAME) -> dict[str, float]:
    """Shares of visible points with an error strictly below 1, 2, 4, 8 and 16 pixels.

    Args:
        xy: pixels of the truth's frame.
        frame: (W, H) whose pixels are counted; each axis is rescaled to it.

    Returns:
        pck_1, pck_2, pck_4, pck_8, pck_16 and delta_avg, their mean; fractions.

    Raises:
        UserError: those of `samples.where_visible`.
    """
    samples, seen = where_visible(xy[None], truth)
    off = coords.resize(samples[0] - seen, truth.size, frame)
    squared = np.square(off).sum(-1)
    scores = {f"pck_{d}": float((squared < d**2).mean()) for d in THRESHOLDS}
    return {**scores, "delta_avg": float(np.mean(list(scores.values())))}
