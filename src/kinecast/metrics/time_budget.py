"""Time-budgeted minADE: the lowest error of the samples that a device gives in s seconds.

A slow model gives few samples in the time, a fast one many: the comparison is of methods at equal
cost. A still forecast costs nothing and is the row to beat.

Source: the 5-minute budget of MYRIAD's benchmark (arXiv 2604.09527).
"""

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError


def min_ade_within(
    ades: Float[np.ndarray, " k"], ready: Float[np.ndarray, " k"], seconds: float
) -> float:
    """Lowest ADE of the samples that are ready in time.

    Args:
        ades: error of each sample, pixels (`min_ade.sample_ades`).
        ready: seconds from the start of the forecast (models loaded) to when each was there.
        seconds: the budget.

    Raises:
        UserError: not one error and one time a sample, a number that is not finite, or no sample
            in time.
    """
    if ades.shape != ready.shape or ades.ndim != 1:
        raise UserError(
            f"expected one error and one time a sample, got {ades.shape} and {ready.shape}"
        )
    if not (np.isfinite(ades).all() and np.isfinite(ready).all()):
        raise UserError("expected finite errors and times, got some that are not")
    in_time = ready <= seconds
    if not in_time.any():
        first = f"the first of {len(ready)} after {ready.min():g} s" if len(ready) else "none"
        raise UserError(f"expected a sample within {seconds:g} s, got {first}")
    return float(ades[in_time].min())
