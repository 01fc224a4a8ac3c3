"""How well a forecast says which points will be seen.

Calling everything visible wins wherever little is hidden: show the share of visible points beside
these, or score "hidden" (1 - probability, ~truth).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from kinecast.core.errors import UserError


def f1(
    visible: Sequence[Bool[np.ndarray, "t n"]] | Bool[np.ndarray, "k t n"],
    truth: Bool[np.ndarray, "t n"],
) -> float:
    """F1 of "visible", with the decisions of all samples, frames and points pooled.

    Returns:
        2 TP / (2 TP + FP + FN).

    Raises:
        UserError: of other frames or points than the truth's, or nothing is visible in truth or
            forecast.
    """
    predicted = np.asarray(visible)
    if predicted.shape[-2:] != truth.shape or predicted.dtype != np.bool_:
        raise UserError(
            f"expected visibility (K, T, N) or (T, N) of {truth.shape}, true or false, got "
            f"{predicted.dtype} {predicted.shape}"
        )
    hits = int((predicted & truth).sum())
    wrong = int((predicted ^ truth).sum())
    if not hits + wrong:
        raise UserError("expected points that are visible in truth or forecast, got none")
    return 2 * hits / (2 * hits + wrong)


def average_precision(
    probability: Float[np.ndarray, "*k t n"], truth: Bool[np.ndarray, "t n"]
) -> float:
    """Average precision of "visible", all samples, frames and points pooled.

    Sum over falling thresholds of precision times gain in recall; equal probabilities are one
    threshold. A probability that knows nothing scores the share of visible points.

    Raises:
        UserError: nothing is visible in the truth, or a probability outside 0 to 1.
    """
    p = flat_probability(probability, truth)
    seen = np.broadcast_to(truth, probability.shape).ravel()
    if not seen.any():
        raise UserError("expected points that are visible in the truth, got none")
    order = np.argsort(-p, kind="stable")
    hits = np.cumsum(seen[order])
    last = np.append(np.flatnonzero(np.diff(p[order])), p.size - 1)  # of each threshold
    recall = hits[last] / hits[-1]
    precision = hits[last] / (last + 1)
    return float((np.diff(recall, prepend=0) * precision).sum())


def flat_probability(
    probability: Float[np.ndarray, "*k t n"], truth: Bool[np.ndarray, "t n"]
) -> Float[np.ndarray, " m"]:
    """All probabilities in a row, float64.

    Raises:
        UserError: of other frames or points than the truth's, none, or outside 0 to 1.
    """
    if probability.shape[-2:] != truth.shape or not probability.size:
        raise UserError(
            f"expected probabilities (K, T, N) or (T, N) of {truth.shape}, got {probability.shape}"
        )
    p = probability.astype(np.float64).ravel()
    if not ((p >= 0) & (p <= 1)).all():
        raise UserError("expected probabilities from 0 to 1, got some that are not")
    return p
