"""Success rate: the share of episodes in which the goal came to hold, and how sure that is.

A Wilson interval stays inside 0 to 1 and keeps its width where all or none succeed, which an
interval from resampled episodes does not. Standing still succeeds where the goal holds anyway: show
it beside.

Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (JASA 1927).
"""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from kinecast.core.errors import UserError

LEVEL = 0.95


class Rate(NamedTuple):
    """Share of successes, and the interval that holds the true one with chance `level`."""

    share: float
    low: float
    high: float


def success_rate(success: Bool[np.ndarray, " n"], level: float = LEVEL) -> Rate:
    """Share of episodes that succeeded, with its Wilson interval.

    Args:
        success: of each episode; episodes count as independent.
        level: of the interval, between 0 and 1.

    Raises:
        UserError: no episodes, numbers that are not true or false, or a level outside 0 to 1.
    """
    success = np.asarray(success)
    if success.ndim != 1 or not len(success) or success.dtype != np.bool_:
        raise UserError(
            f"expected one true or false an episode, got {success.dtype} {success.shape}"
        )
    if not 0 < level < 1:
        raise UserError(f"expected a level between 0 and 1, got {level}")
    n, share = len(success), float(success.mean())
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Rate(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)))
