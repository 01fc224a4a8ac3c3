"""The trivial forecast from pokes: every point moves as the nearest poke does, straight to its end.

Source: the opponent of poke-conditioned forecasts (ZipMo, Flow Poke Transformer); it knows nothing
of the picture.
"""

import numpy as np

from kinecast.core import coords
from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast.guess import fill_hidden

NEAREST_POKE = "nearest_poke"


def nearest_poke(history: Tracks, pokes: Pokes, horizon: int) -> Tracks:
    """Displacement of point n in frame e of `horizon`: (end - start) min(1, e / (time horizon)).

    Start, end and time are those of the poke that starts nearest to where the point was last seen,
    the first of equally near ones. A poke of time 0 is at its end at once.

    Args:
        history: one frame or more; its motion is not looked at.
        pokes: one or more, in pixels of the history's frame.
        horizon: frames.

    Raises:
        UserError: no pokes, or a horizon below 1.
    """
    if horizon < 1:
        raise UserError(f"expected a horizon of at least 1 frame, got {horizon}")
    if not len(pokes):
        raise UserError("expected at least one poke to move points by, got none")
    here = fill_hidden(history)[-1].astype(np.float64)
    apart = np.linalg.norm(here[:, None] - pokes.start, axis=-1)
    which = apart.argmin(axis=1)
    time = np.maximum(pokes.time[which] * horizon, 1e-6)
    share = np.minimum(np.arange(1, horizon + 1)[:, None] / time, 1.0)
    moved = (pokes.end - pokes.start)[which].astype(np.float64)
    xy = (here + share[..., None] * moved).astype(np.float32)
    return Tracks(
        xy=xy,
        visible=coords.inside(xy, history.size) & history.visible.any(axis=0),
        size=history.size,
        fps=history.fps,
        grid=history.grid,
    )
