"""Numbers as they are shown: as many decimals as the middle one of a column needs."""

from collections.abc import Sequence

import numpy as np

from kinecast.bench.report.blocks import Cell
from kinecast.bench.report.catalogue import Metric
from kinecast.bench.report.estimate import Estimate

NONE = "–"


def decimals(values: Sequence[float]) -> int:
    """So many that the middle one of a column has three digits or so."""
    sizes = [abs(value) for value in values if value]
    middle = float(np.median(sizes)) if sizes else 1.0
    return next((d for d, least in enumerate((100.0, 10.0, 1.0)) if middle >= least), 3) + (
        1 if middle < 0.01 else 0
    )


def number(value: float, digits: int) -> str:
    """With thousands marked; no minus before nothing."""
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def counted(count: int, thing: str) -> str:
    """1 case, 2 cases."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def column(
    metric: Metric, estimates: Sequence[Estimate | None], whole: Sequence[bool], digits: int
) -> list[Cell]:
    """The cells of a column, with intervals, the best marked.

    Args:
        metric: of the column.
        estimates: of each row; None where it has none.
        whole: rows that did every case and may win: others are averages over other cases.
        digits: after the point.
    """
    means = [None if e is None else e.mean * metric.times for e in estimates]
    texts = [NONE if mean is None else number(mean, digits) for mean in means]
    best = winners(metric, means, texts, whole)
    return [
        Cell(text, _interval(e, metric.times, digits), mark)
        for text, e, mark in zip(texts, estimates, best, strict=True)
    ]


def winners(
    metric: Metric, means: Sequence[float | None], texts: Sequence[str], whole: Sequence[bool]
) -> list[bool]:
    """Rows that show the best number, ties included; none where fewer than two may win."""
    able = [i for i, mean in enumerate(means) if mean is not None and whole[i]]
    if not metric.better or len(able) < 2:
        return [False] * len(means)
    sign = 1 if metric.better == "lower" else -1
    top = min(able, key=lambda i: sign * means[i])  # type: ignore[operator]
    return [i in able and texts[i] == texts[top] for i in range(len(means))]


def _interval(estimate: Estimate | None, times: float, digits: int) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    if estimate.low == estimate.high:  # nothing wanders
        return ""
    low, high = (number(value * times, digits) for value in (estimate.low, estimate.high))
    return f"{low} to {high}"
