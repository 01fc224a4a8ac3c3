"""Paired tests: how often would a method be so far from its opponent if the two were alike.

Both forecast the same cases. If neither were better, each scene's difference could as well have
the other sign: the p-value is the share of all choices of signs whose mean difference is at least
as far from 0 as the one that was found. Scenes keep their cases together.

Source: Fisher, The Design of Experiments (1935), section 21; Holm, A Simple Sequentially Rejective
Multiple Test Procedure (Scandinavian Journal of Statistics 1979).
"""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError

EXACT = 13  # up to so many scenes every choice of signs is counted
DRAWS = 9999  # beyond: so many choices, and the one that was found
ROUNDING = 1e-9  # of the largest sum: choices that differ by less are ties


def sign_flip(differences: Float[np.ndarray, " n"], units: Sequence[Hashable]) -> float:
    """Two-sided p-value of the mean of paired differences, signs flipped scene by scene.

    Args:
        differences: one a case.
        units: the scene of each case.

    Returns:
        At least 2^(1 - scenes), or 1e-4 beyond `EXACT` scenes; 1 where nothing differs.

    Raises:
        UserError: not one unit a case, no case, or a difference that is not finite.
    """
    if differences.ndim != 1 or len(differences) != len(units) or not len(units):
        raise UserError(
            f"expected one difference and one unit a case, got {differences.shape} and {len(units)}"
        )
    if not np.isfinite(differences).all():
        raise UserError("expected finite differences, got some that are not")
    place = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    sums = np.bincount([place[unit] for unit in units], differences.astype(np.float64))
    S = len(sums)
    if S <= EXACT:
        bits = np.arange(2**S)[:, None] >> np.arange(S) & 1
    else:
        bits = np.random.default_rng(0).integers(2, size=(DRAWS, S), dtype=np.int8)
        bits = np.concatenate([np.zeros((1, S), np.int8), bits])  # the one that was found
    flipped = np.abs(sums.sum() - 2 * (bits @ sums))
    reach = np.abs(sums).sum() * ROUNDING
    return float((flipped >= abs(sums.sum()) - reach).mean())


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for how many tests were made (family-wise error, Holm's steps)."""
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * np.asarray(p, np.float64)[order]
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(p) else []
    return [float(value) for value in corrected]
