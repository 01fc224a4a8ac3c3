"""VEPE: how exactly an autoencoder gives points back.

Source: TrajLoom (arXiv 2603.22606), section 4, and its evaluation code.
"""

from collections.abc import Iterable

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


def vepe(pairs: Iterable[tuple[Tracks, Tracks]]) -> float:
    """Mean distance in pixels (VEPE) over the visible points of (reconstruction, truth) pairs.

    A micro-average: the sum of distances over all clips, divided by their number; points whose
    reconstruction is not finite do not count. Stillness wins nothing, unless the truth is still.

    Returns:
        Pixels.

    Raises:
        UserError: a pair disagrees in frames, points or frame size, or nothing is visible.
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
    if not count:
        raise UserError("expected points that are visible in a truth, got none; nothing is scored")
    return total / count
