"""Energy score: how good a set of samples is as a whole, near the truth and as spread as it is.

A proper score: in expectation the true distribution has the lowest. One sample (a still forecast)
scores its distance; samples that are all alike win nothing over one of them.

Source: Gneiting & Raftery, Strictly Proper Scoring Rules (JASA 2007), eq. 22, with the set of
samples as the forecast; its spread is biased low for small K: compare at one K.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float

from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import where_visible


def energy_score(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> float:
    """Mean distance of a sample to the truth, minus half the mean distance of two samples.

    The distance of two forecasts is the root of the mean squared distance of their points over all
    visible points and frames: pixels, and joint, so that which points move together counts.

    Raises:
        UserError: those of `samples.where_visible`.
    """
    samples, seen = where_visible(xy, truth)
    K = len(samples)
    to_truth = [_distance(sample, seen) for sample in samples]
    between = sum(_distance(a, b) for a, b in combinations(samples, 2))
    return float(np.mean(to_truth) - between / K**2)  # each pair counts twice, half of it is taken


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a - b).sum(-1).mean()))
