"""From a method's points to the case's.

`exact` (the default): the method's points are the case's, in their order; it is checked where the
method says where its points are. `nearest` and `bilinear`: a point of the case moves as the nearest
point of the method does, or as the four around it on a regular grid do (held at the grid's border);
what is taken over is the displacement from where each was laid.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from kinecast.bench.case import Case
from kinecast.bench.readers.base import LaidAt, Output
from kinecast.bench.readers.fit import Fit
from kinecast.bench.readers.options import Options
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.forecast.guess import fill_hidden

RULES = ("exact", "nearest", "bilinear")
QUERY_TOLERANCE = 1.0  # pixels between a query and the case's point: whole pixels are within it
START_TOLERANCE = {0: 0.05, 1: 0.25}  # of the diagonal, by `Output.first`: the median point
EXCHANGED = "with x and y exchanged they would fit: is order= as stated?"
ROWS = 64  # points whose distances to all others are taken at once


def points_now(case: Case) -> Float32[np.ndarray, "n 2"]:
    """Where the case's points are at the last seen moment; hidden ones where they were last seen.

    It is what `bench export` writes as queries.
    """
    return fill_hidden(case.history)[-1]


def points_laid(case: Case, moment: LaidAt) -> Float32[np.ndarray, "n 2"]:
    """Where they are at that moment; without a query frame in the history, now."""
    now, history = points_now(case), case.history
    if moment == "now":
        return now
    at = np.maximum(history.query_frame, 0)
    laid = history.xy[at, np.arange(history.count)]
    return np.where((history.query_frame >= 0)[:, None], laid, now)


class Chosen(NamedTuple):
    """Points of the method for each of the case's N points, with their weights."""

    which: Int64[np.ndarray, "n c"]
    weight: Float64[np.ndarray, "n c"]


def at_points(
    output: Output, case: Case, fit: Fit, options: Options
) -> tuple[Float32[np.ndarray, "k t n 2"], np.ndarray | None]:
    """The case's points in every step, in pixels of the case's frame, and their visibility.

    Raises:
        UserError: the method's points are not the case's and no rule is stated, `bilinear` without
            a regular grid, or a start that only fits with x and y exchanged.
    """
    rule = options.choice("points", RULES, "exact")
    wanted = points_laid(case, output.laid_at).astype(np.float64)
    laid = None if output.laid is None else fit.to_case(output.laid.astype(np.float64))
    if rule == "exact":
        _check_exact(output, laid, wanted, case, fit, options)
        xy = fit.to_case(output.xy)
        return xy, output.visible
    if laid is None:
        raise UserError(
            f"expected where the method laid its points, which points={rule} needs, got none; "
            f"give {options.what} an array of queries"
        )
    _check_start(output, laid, case, fit, options)
    which, weight = _nearest(laid, wanted) if rule == "nearest" else _bilinear(laid, wanted)
    moved = np.zeros((*output.xy.shape[:2], len(wanted), 2))
    for c in range(which.shape[1]):
        start = laid[which[:, c]]
        moved += weight[:, c, None] * (fit.to_case(output.xy[:, :, which[:, c]]) - start)
    visible = None
    if output.visible is not None:
        visible = output.visible[:, :, which[np.arange(len(which)), weight.argmax(1)]]
    return (wanted + moved).astype(np.float32), visible


def _check_exact(
    output: Output,
    laid: Float64[np.ndarray, "m 2"] | None,
    wanted: Float64[np.ndarray, "n 2"],
    case: Case,
    fit: Fit,
    options: Options,
) -> None:
    N, M = len(wanted), output.xy.shape[2]
    other = "state points=nearest or points=bilinear to take the motion over from other points"
    if M != N:
        raise UserError(
            f"expected the {N} points of case {case.id}, got {M} from {options.what} (samples, "
            f"steps and points are {output.xy.shape[:3]}); {other}, or axes=... if it is another "
            "axis"
        )
    if laid is not None:
        off = np.abs(laid - wanted).max(1)
        if off.max() > QUERY_TOLERANCE:
            turned = np.abs(_turned(laid, case) - wanted).max() <= QUERY_TOLERANCE
            raise UserError(
                f"expected queries at the points of case {case.id}, got them up to {off.max():.1f} "
                f"pixels away in {options.what}; {EXCHANGED if turned else other}"
            )
    elif output.laid_at == "now":
        _check_start(output, wanted, case, fit, options)


def _check_start(
    output: Output, laid: Float64[np.ndarray, "m 2"], case: Case, fit: Fit, options: Options
) -> None:
    """Step 0 tells whether axes, units and order can be as stated."""
    first = fit.to_case(output.xy[0, 0].astype(np.float64))
    known = np.isfinite(first).all(1)
    if not known.any():
        return
    away = _median(first[known], laid[known])
    if away <= START_TOLERANCE[output.first] * coords.diagonal(case.size):
        return
    turned = _median(_turned(first[known], case), laid[known]) < away / 2
    raise UserError(
        f"expected the points of case {case.id} to start where they were laid, got them "
        f"{away:.0f} pixels away in step 0 of {options.what}; "
        f"{EXCHANGED if turned else 'are units, size, axes and order as stated?'}"
    )


def _turned(xy: Float64[np.ndarray, "n 2"], case: Case) -> Float64[np.ndarray, "n 2"]:
    """With x and y exchanged as shares of the frame, which is how units other than pixels are."""
    W, H = case.size
    return coords.resize(xy[:, ::-1], (H, W), (W, H))


def _median(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.median(np.linalg.norm(a - b, axis=1)))


def _nearest(laid: Float64[np.ndarray, "m 2"], wanted: Float64[np.ndarray, "n 2"]) -> Chosen:
    index = np.empty(len(wanted), np.int64)
    for row in range(0, len(wanted), ROWS):
        gap = np.square(wanted[row : row + ROWS, None] - laid[None]).sum(-1)
        index[row : row + ROWS] = gap.argmin(1)
    return Chosen(index[:, None], np.ones((len(wanted), 1)))


def _bilinear(laid: Float64[np.ndarray, "m 2"], wanted: Float64[np.ndarray, "n 2"]) -> Chosen:
    xs, ys = (np.unique(laid[:, axis].round(3)) for axis in (0, 1))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    if grid.shape != laid.shape or np.abs(grid - laid).max() > 1e-2:
        raise UserError(
            "expected points of a regular grid, row by row, for points=bilinear, got others; "
            "state points=nearest"
        )
    (left, right), (top, bottom) = _cell(xs, wanted[:, 0]), _cell(ys, wanted[:, 1])
    index = [y[0] * len(xs) + x[0] for y in (top, bottom) for x in (left, right)]
    weight = [y[1] * x[1] for y in (top, bottom) for x in (left, right)]
    return Chosen(np.stack(index, axis=1), np.stack(weight, axis=1))


def _cell(
    lines: Float64[np.ndarray, " g"], at: Float[np.ndarray, " n"]
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The lines of a grid before and after each place, with their weights."""
    place = np.interp(at, lines, np.arange(len(lines)))
    low = np.minimum(place.astype(np.int64), max(len(lines) - 2, 0))
    high = np.minimum(low + 1, len(lines) - 1)
    share = place - low
    return (low, 1 - share), (high, share)
