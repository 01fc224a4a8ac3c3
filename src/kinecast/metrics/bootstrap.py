"""Bootstrap intervals of means: how far a mean would wander on other clips of the same kind.

Whole units are drawn again, with all that belongs to them: clips that share a scene are not
independent, so that the scene is the unit. Every call draws the same units in the same order:
columns of one table are resampled together, and the same numbers give the same interval.

Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13 (percentile
intervals).
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError

RESAMPLES = 2000
LEVEL = 0.95


class Interval(NamedTuple):
    """The central 95 % of a statistic's resamples."""

    low: float
    high: float


def percentile(statistic: Float[np.ndarray, " r"]) -> Interval:
    """The interval that `LEVEL` of the resamples lie in, as many below it as above."""
    low, high = np.quantile(statistic, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def resampled_means(
    values: Float[np.ndarray, "n c"], units: Sequence[Hashable]
) -> Float64[np.ndarray, "r c"]:
    """Means of c columns over n clips, in each resample of whole units.

    Args:
        values: a row a clip; columns are resampled together, so that their differences and ratios
            are paired.
        units: the scene of each clip; a unit weighs as many clips as it has.

    Raises:
        UserError: not one unit a clip, fewer than two units (one has no spread), or a value that
            is not finite.
    """
    if values.ndim != 2 or len(values) != len(units):
        raise UserError(f"expected one unit a clip, got {values.shape} values, {len(units)} units")
    if not np.isfinite(values).all():
        raise UserError("expected finite values to draw from, got some that are not")
    place = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    if len(place) < 2:
        raise UserError(f"expected at least 2 units to draw from, got {len(place)}")
    member = np.array([place[unit] for unit in units])
    count = np.bincount(member).astype(np.float64)
    total = np.stack([np.bincount(member, column) for column in values.T.astype(np.float64)], 1)
    drawn = _drawn(len(place))
    return np.asarray((drawn @ total) / (drawn @ count)[:, None])


@lru_cache(maxsize=8)
def _drawn(units: int) -> Float64[np.ndarray, "r u"]:
    """How often each unit is drawn in each resample."""
    draws = np.random.default_rng(0)
    which = draws.integers(units, size=(RESAMPLES, units))
    counts = [np.bincount(row, minlength=units) for row in which]
    return np.array(counts, np.float64)
