"""Miss rate: the share of points that no sample brings near where they end.

Source: the usual measure of trajectory forecasting (Chang et al., Argoverse, CVPR 2019), in pixels.
"""

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import ending, where_visible


def miss_rate(xy: Float[np.ndarray, "k t n 2"], truth: Tracks, threshold: float) -> float:
    """Share of points visible at the last frame that all samples end farther from than allowed.

    Each point may be met by another sample. Stillness meets every point that does not move: score
    the moving ones.

    Args:
        threshold: pixels of the truth's frame; a point at just this distance is met.

    Raises:
        UserError: threshold not above 0, and those of `samples.where_visible`.
    """
    if not threshold > 0:
        raise UserError(f"expected a threshold above 0 pixels, got {threshold}")
    samples, seen = where_visible(xy[:, -1:], ending(truth))
    nearest = np.linalg.norm(samples - seen, axis=-1).min(axis=0)
    return float((nearest > threshold).mean())
