"""Scene sample variance: how much the futures of one scene differ.

A still forecast has none. Diversity alone is no virtue: read it beside the variance of the true
futures, or beside `energy_score`.

Source: What Happens Next? (arXiv 2509.21592), appendix (kappa).
"""

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError


def scene_variance(xy: Float[np.ndarray, "k t n 2"]) -> float:
    """Mean squared distance of K samples from their mean, over samples, frames and points.

    Pixels^2 (256 x 256 frame in the published setting): both coordinates are summed, and the mean
    is over K, not K - 1.

    Raises:
        UserError: no samples, or positions that are not finite.
    """
    if not xy.size or not np.isfinite(xy).all():
        raise UserError(f"expected finite samples (K, T, N, 2), got {xy.shape} or some not finite")
    off = xy.astype(np.float64) - xy.mean(axis=0, dtype=np.float64)
    return float(np.square(off).sum(-1).mean())
