"""What the scores of K samples have in common: their positions where the truth is visible."""

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


def where_visible(
    xy: Float[np.ndarray, "k t n 2"], truth: Tracks
) -> tuple[Float64[np.ndarray, "k m 2"], Float64[np.ndarray, "m 2"]]:
    """Samples and truth at the M frames and points where the truth is visible, in pixels.

    Raises:
        UserError: no sample, other frames or points than the truth's, a truth that is never
            visible, or samples that are not finite where it is.
    """
    if xy.ndim != 4 or not len(xy) or xy.shape[1:] != truth.xy.shape:
        raise UserError(
            f"expected samples (K, {len(truth)}, {truth.count}, 2) of the truth's frames and "
            f"points, got {xy.shape}"
        )
    if not truth.visible.any():
        raise UserError(f"expected a truth with visible points, got none in {len(truth)} frames")
    samples = xy[:, truth.visible].astype(np.float64)
    if not np.isfinite(samples).all():
        raise UserError(
            "expected finite forecast positions wherever the truth is visible, got some that are "
            "not; a forecast must say where every point is, seen or not"
        )
    return samples, truth.xy[truth.visible].astype(np.float64)


def ending(truth: Tracks) -> Tracks:
    """The last frame alone."""
    return truth.window(len(truth) - 1, len(truth))
