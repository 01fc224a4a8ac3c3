"""What the numbers of many cases say: a mean with its interval, and how it compares."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kinecast.bench.report.paired import sign_flip
from kinecast.core.errors import UserError
from kinecast.metrics.bootstrap import percentile, resampled_means
from kinecast.metrics.success_rate import success_rate


@dataclass(frozen=True)
class Estimate:
    """A mean over cases.

    Attributes:
        mean: over `cases` cases.
        low, high: its 95 % interval (`metrics.bootstrap`, scenes drawn again); None for one scene.
        cases: how many have this number.
    """

    mean: float
    low: float | None
    high: float | None
    cases: int


@dataclass(frozen=True)
class Against:
    """A method's errors beside its opponent's, on the cases that both did.

    Attributes:
        ours, theirs: mean errors.
        ratio: of the means; low, high: its 95 % interval, None for one scene.
        mean_of_ratios: of each case, where the opponent errs at all; None where it never does.
        p: of a sign-flip permutation test of the difference, scene by scene (`paired`).
        cases, scenes: how many.
    """

    ours: float
    theirs: float
    ratio: float | None
    low: float | None
    high: float | None
    mean_of_ratios: float | None
    p: float
    cases: int
    scenes: int


def estimate(values: Sequence[float], scenes: Sequence[Hashable]) -> Estimate:
    """The mean of one number a case, and how far it would wander on other scenes.

    Raises:
        UserError: no values, not one scene a value, or a value that is not finite.
    """
    array = _checked(values, scenes)
    low, high = None, None
    if len(set(scenes)) > 1:
        low, high = percentile(resampled_means(array[:, None], scenes)[:, 0])
    return Estimate(float(array.mean()), low, high, len(array))


def rate(values: Sequence[float]) -> Estimate:
    """The share of episodes that succeeded (1, or 0), with a Wilson interval.

    Raises:
        UserError: no values, or one that is neither 0 nor 1.
    """
    array = _checked(values, values)
    if not np.isin(array, (0, 1)).all():
        raise UserError(f"expected successes of 0 or 1, got {sorted(set(values))[:4]}")
    return Estimate(*success_rate(array == 1), len(array))


def against(ours: Sequence[float], theirs: Sequence[float], scenes: Sequence[Hashable]) -> Against:
    """A method's numbers beside an opponent's, case by case.

    Raises:
        UserError: none, not the same cases, or a number that is not finite.
    """
    a, b = _checked(ours, scenes), _checked(theirs, scenes)
    low, high = None, None
    moves = b > 0
    if len(set(scenes)) > 1 and moves.any():
        means = resampled_means(np.stack([a, b], axis=1), scenes)
        drawn = means[means[:, 1] > 0]
        low, high = percentile(drawn[:, 0] / drawn[:, 1])
    return Against(
        ours=float(a.mean()),
        theirs=float(b.mean()),
        ratio=float(a.mean() / b.mean()) if moves.any() else None,
        low=low,
        high=high,
        mean_of_ratios=float((a[moves] / b[moves]).mean()) if moves.any() else None,
        p=sign_flip(a - b, scenes),
        cases=len(a),
        scenes=len(set(scenes)),
    )


def _checked(values: Sequence[float], scenes: Sequence[Hashable]) -> Float[np.ndarray, " n"]:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not len(array) or len(array) != len(scenes):
        raise UserError(f"expected one number and one scene a case, got {array.shape} numbers")
    if not np.isfinite(array).all():
        raise UserError("expected finite numbers to average, got some that are not")
    return array
