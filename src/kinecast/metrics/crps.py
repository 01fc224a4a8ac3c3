"""CRPS: the energy score of each coordinate by itself, averaged.

Proper for every point's own distribution, blind to which points move together (the energy score
sees that). One sample scores its mean absolute error.

Source: Gneiting & Raftery, Strictly Proper Scoring Rules (JASA 2007), eq. 21, with the set of
samples as the forecast; its spread is biased low for small K: compare at one K.
"""

import numpy as np
from jaxtyping import Float

from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import where_visible


def crps(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> float:
    """Mean over visible points, frames and both coordinates of the CRPS, pixels.

    Raises:
        UserError: those of `samples.where_visible`.
    """
    samples, seen = where_visible(xy, truth)
    K = len(samples)
    off = np.abs(samples - seen).mean()
    # The sum of all |a - b| over ordered pairs, from sorted samples: the k-th is added k times and
    # taken away K - 1 - k times.
    weight = 2 * np.arange(K) - (K - 1)
    between = 2 * np.tensordot(weight, np.sort(samples, axis=0), axes=1).mean()
    return float(off - between / (2 * K**2))
