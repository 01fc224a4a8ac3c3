"""Coverage: whether the truth falls inside the samples as often as it should.

If truth and samples are drawn alike, the truth is equally likely to take any place among K sorted
samples, and lies between the i-th from below and the i-th from above with chance
(K + 1 - 2 i) / (K + 1). Too low: the samples are too sure, or off to one side; too high: too
spread. Calibration alone does not make a forecast sharp: read it beside the CRPS.

Source: Hamill, Interpretation of Rank Histograms (Monthly Weather Review 2001); Gneiting et al.,
Probabilistic Forecasts, Calibration and Sharpness (JRSS B 2007).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import where_visible


class Coverage(NamedTuple):
    """Calibration of K samples, over the coordinates of visible points.

    Attributes:
        ranks: share of coordinates with 0 to K samples below the truth; flat if calibrated.
        nominal: how often the truth should lie in each central interval, widest first.
        observed: how often it does.
    """

    ranks: Float64[np.ndarray, " k+1"]
    nominal: Float64[np.ndarray, " l"]
    observed: Float64[np.ndarray, " l"]

    @property
    def error(self) -> float:
        """Mean |observed - nominal| over the intervals, 0 to 1."""
        return float(np.abs(self.observed - self.nominal).mean())


def coverage(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> Coverage:
    """Where the truth's x and y fall among those of the samples.

    A truth that equals samples may take any place among them and is shared out evenly, so that
    still samples of a point that stays count as calibrated.

    Raises:
        UserError: fewer than 2 samples, and those of `samples.where_visible`.
    """
    samples, seen = where_visible(xy, truth)
    K = len(samples)
    if K < 2:
        raise UserError("expected at least 2 samples to lie between, got 1")
    below, equal = (samples < seen).sum(0).ravel(), (samples == seen).sum(0).ravel()
    share = 1 / (equal + 1)
    begins = np.bincount(below, share, minlength=K + 2)
    ends = np.bincount(below + equal + 1, share, minlength=K + 2)
    ranks = np.cumsum(begins - ends)[: K + 1] / below.size
    trims = range(1, K // 2 + 1)
    return Coverage(
        ranks=ranks,
        nominal=np.array([(K + 1 - 2 * i) / (K + 1) for i in trims]),
        observed=np.array([ranks[i : K + 1 - i].sum() for i in trims]),
    )
