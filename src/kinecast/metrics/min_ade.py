"""minADE and minFDE: the lowest error of K samples, each chosen by its own measure.

They fall as K grows: compare at one K. The sample is one for all points of the clip. Source: the
usual measures of trajectory forecasting (Gupta et al., Social GAN, CVPR 2018, section 4).
"""

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import ending, where_visible


def min_ade(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> float:
    """Lowest ADE of a sample, pixels. Errors are those of `samples.where_visible`."""
    return float(sample_ades(xy, truth).min())


def min_fde(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> float:
    """Lowest mean distance of a sample at the last frame, pixels; not that of the lowest ADE."""
    return float(sample_ades(xy[:, -1:], ending(truth)).min())


def sample_ades(xy: Float[np.ndarray, "k t n 2"], truth: Tracks) -> Float64[np.ndarray, " k"]:
    """ADE of each sample over visible points and frames, pixels."""
    samples, seen = where_visible(xy, truth)
    return np.linalg.norm(samples - seen, axis=-1).mean(axis=1)
