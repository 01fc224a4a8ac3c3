"""Error over the horizon: how fast a forecast drifts from the truth."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int64

from kinecast.core.tracks import Tracks
from kinecast.metrics.samples import where_visible


@dataclass(frozen=True, eq=False)
class Curve:
    """Frames of the horizon where the truth is visible somewhere.

    Attributes:
        frame: 0 is the first after the history.
        error: mean distance of the visible points, pixels.
        count: visible points.
    """

    frame: Int64[np.ndarray, " f"]
    error: Float64[np.ndarray, " f"]
    count: Int64[np.ndarray, " f"]


def error_over_horizon(xy: Float[np.ndarray, "t n 2"], truth: Tracks) -> Curve:
    """Mean distance frame by frame; its mean, weighted by count, is the ADE.

    Frames where nothing is visible have no error and are left out. Errors are those of
    `samples.where_visible`.
    """
    samples, seen = where_visible(xy[None], truth)
    distance = np.linalg.norm(samples[0] - seen, axis=-1)
    count = truth.visible.sum(axis=1)
    total = np.bincount(np.nonzero(truth.visible)[0], distance, minlength=len(truth))
    frame = np.flatnonzero(count)
    return Curve(frame, total[frame] / count[frame], count[frame])
