"""How well a forecast says which points will be seen."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool


def f1(
    visible: Sequence[Bool[np.ndarray, "t n"]] | Bool[np.ndarray, "k t n"],
    truth: Bool[np.ndarray, "t n"],
) -> float:
    """F1 of "visible", with the decisions of all samples, frames and points pooled.

    Returns:
        2 TP / (2 TP + FP + FN); NaN where nothing is visible in truth or forecast.
    """
    predicted = np.asarray(visible)
    hits = int((predicted & truth).sum())
    wrong = int((predicted ^ truth).sum())
    return 2 * hits / (2 * hits + wrong) if hits + wrong else float("nan")
