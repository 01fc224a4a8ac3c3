"""How exactly an autoencoder gives a field of points back."""

from collections.abc import Iterable

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


def vepe(pairs: Iterable[tuple[Tracks, Tracks]]) -> float:
    """Mean distance in pixels (VEPE) over the visible points of (reconstruction, truth) pairs.

    A micro-average: the sum of distances over all clips, divided by their number; points whose
    reconstruction is not finite do not count.

    Source: TrajLoom (arXiv 2603.22606), section 4.

    Returns:
        Pixels; NaN where nothing is visible.

    Raises:
        UserError: a pair disagrees in frames, points or frame size.
    """
    total, count = 0.0, 0
    for reconstruction, truth in pairs:
        if (reconstruction.xy.shape, reconstruction.size) != (truth.xy.shape, truth.size):
            raise UserError(
                f"expected reconstruction and truth of one shape and size, got "
                f"{reconstruction.xy.shape} on {reconstruction.size} and "
                f"{truth.xy.shape} on {truth.size}"
            )
        distance = np.linalg.norm(reconstruction.xy - truth.xy, axis=-1)
        valid = truth.visible & np.isfinite(distance)
        total += float(distance[valid].sum(dtype=np.float64))
        count += int(valid.sum())
    return total / count if count else float("nan")
