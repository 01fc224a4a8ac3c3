"""Whether a step may be taken: its loss and gradient are finite, and the loss is no spike."""

import math
from statistics import median

WINDOW = 64  # losses that the running median is of
FEWEST = 16  # before there are so many, nothing is a spike
IN_A_ROW = 16  # bad steps that are skipped: a bad clip is one or two, what lasts does not pass


def fault(loss: float, norm: float, losses: list[float], spike: float) -> str | None:
    """What is wrong with a step, or None.

    Args:
        loss: of the step; norm: of its gradient.
        losses: the latest good ones.
        spike: how many times the median of |loss| a loss may lie above the median; 0 is any.
    """
    if not math.isfinite(loss) or not math.isfinite(norm):
        return f"expected a finite loss and gradient, got {loss:.4g} and {norm:.4g}"
    if not spike or len(losses) < FEWEST:
        return None
    usual = median(losses)
    limit = usual + spike * median(abs(value) for value in losses)
    if loss <= limit:
        return None
    return (
        f"expected a loss below {limit:.4g} (the median is {usual:.4g}), got a spike of {loss:.4g}"
    )


def remember(losses: list[float], loss: float) -> None:
    """Add a good loss, forget the oldest."""
    losses.append(loss)
    del losses[:-WINDOW]
