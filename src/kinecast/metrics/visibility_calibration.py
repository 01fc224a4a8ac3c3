"""Whether points called visible with chance p are visible so often.

Calling everything visible with the share of visible points is calibrated and says nothing: read it
beside `visibility.average_precision`.

Source: Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 2; Brier (1950).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from kinecast.metrics.visibility import flat_probability

BINS = 10  # of equal width


@dataclass(frozen=True, eq=False)
class Calibration:
    """Reliability of probabilities, in the bins that hold any.

    Attributes:
        predicted: mean probability of a bin.
        observed: share of it that is visible.
        count: how many it holds.
        brier: mean squared difference of probability and what was seen, over all.
    """

    predicted: Float64[np.ndarray, " b"]
    observed: Float64[np.ndarray, " b"]
    count: Int64[np.ndarray, " b"]
    brier: float

    @property
    def error(self) -> float:
        """Expected calibration error: mean |predicted - observed|, weighted by count."""
        gap = np.abs(self.predicted - self.observed)
        return float((gap * self.count).sum() / self.count.sum())


def calibration(
    probability: Float[np.ndarray, "*k t n"], truth: Bool[np.ndarray, "t n"]
) -> Calibration:
    """Reliability of the probability of "visible", all samples, frames and points pooled.

    Raises:
        UserError: of other frames or points than the truth's, none, or outside 0 to 1.
    """
    p = flat_probability(probability, truth)
    seen = np.broadcast_to(truth, probability.shape).ravel()
    which = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    held = np.flatnonzero(count)
    return Calibration(
        predicted=np.bincount(which, p, minlength=BINS)[held] / count[held],
        observed=np.bincount(which, seen, minlength=BINS)[held] / count[held],
        count=count[held],
        brier=float(np.square(p - seen).mean()),
    )
