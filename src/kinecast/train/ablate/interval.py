"""How far two arms are apart, how sure that is, and what it says of a paper's claim."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError
from kinecast.metrics.bootstrap import RESAMPLES, percentile
from kinecast.train.ablate.arm import Direction

Verdict = Literal["agree", "disagree", "not resolved at this budget"]


@dataclass(frozen=True)
class Difference:
    """One arm's score less another's.

    Attributes:
        arm, against: means over seeds and units.
        mean: of the difference.
        low, high: its 95 % interval.
        seeds: the mean difference of each seed.
    """

    arm: float
    against: float
    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]


def difference(arm: Sequence[Sequence[float]], against: Sequence[Sequence[float]]) -> Difference:
    """Bootstrap of paired differences: seeds are drawn again, and units, once for all seeds.

    All seeds are measured on the same units: what is particular about a unit does not average out
    over seeds.

    Args:
        arm, against: scores (seeds, units); seed and unit are the same thing in both. A unit that
            has no score in one of them is left out of both; where none is left, all is NaN.

    Raises:
        UserError: other seeds or units.
    """
    a, b = np.asarray(arm, np.float64), np.asarray(against, np.float64)
    if a.shape != b.shape or a.ndim != 2:
        raise UserError(
            f"expected scores of the same seeds and held-out clips, got {a.shape} and {b.shape}"
        )
    known = np.isfinite(a).all(0) & np.isfinite(b).all(0)
    if not known.any():
        nan = math.nan
        return Difference(nan, nan, nan, nan, nan, seeds=(nan,) * len(a))
    gaps = (a - b)[:, known]
    means = _resampled_means(gaps)
    low, high = percentile(means)
    return Difference(
        arm=float(a[:, known].mean()),
        against=float(b[:, known].mean()),
        mean=float(gaps.mean()),
        low=low,
        high=high,
        seeds=tuple(gaps.mean(1).tolist()),
    )


def verdict(found: Difference, direction: Direction, tolerance: float = 0.0) -> Verdict:
    """What a difference says of a claim.

    It is resolved where the whole interval and every single seed lie on one side; of "same": where
    the interval lies within the tolerance (a share of the other arm's score) or outside of it.
    """
    if math.isnan(found.mean):
        return "not resolved at this budget"
    if direction == "same":
        reach = tolerance * abs(found.against)
        if -reach <= found.low and found.high <= reach:
            return "agree"
        outside = found.low > reach or found.high < -reach
        return "disagree" if outside else "not resolved at this budget"
    sign = 1.0 if direction == "higher" else -1.0
    ends = (sign * found.low, sign * found.high)
    seeds = [sign * mean for mean in found.seeds]
    if min(ends) > 0 and min(seeds) > 0:
        return "agree"
    if max(ends) < 0 and max(seeds) < 0:
        return "disagree"
    return "not resolved at this budget"


def _resampled_means(gaps: Float[np.ndarray, "s n"]) -> Float[np.ndarray, " r"]:
    seeds, units = gaps.shape
    draw = np.random.default_rng(0)
    which = draw.integers(seeds, size=(RESAMPLES, seeds, 1))
    picked = gaps[which, draw.integers(units, size=(RESAMPLES, 1, units))]
    return picked.mean((1, 2))


def mean_of(scores: Sequence[Sequence[float]]) -> float:
    """Mean over seeds and units that have a score; NaN where none has."""
    values = [x for row in scores for x in row if math.isfinite(x)]
    return sum(values) / len(values) if values else math.nan
