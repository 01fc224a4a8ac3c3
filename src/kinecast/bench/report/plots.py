"""The plots of a group."""

from collections.abc import Sequence

import numpy as np

from kinecast.bench.report import chart
from kinecast.bench.report.blocks import Plot, Plots
from kinecast.bench.report.curves import coverages, horizons, styles
from kinecast.bench.report.group import Group, Method
from kinecast.bench.report.shown import counted

CLOSEST = 0.01  # pixels: less than that is not told apart
LEAST = 1e-4  # seconds: less than that is not told apart


def plots(group: Group, methods: Sequence[Method]) -> Plots | None:
    """Error over the horizon and against time, of what there is; else None."""
    shown = [method for method in methods if method.role != "sanity"]
    found = [_horizon(group, shown), _time(group, shown)]
    there = [plot for plot in found if plot is not None]
    return Plots(there) if there else None


def _horizon(group: Group, methods: Sequence[Method]) -> Plot | None:
    style = styles(group)
    curves = horizons(group, "best_ade", [method.name for method in methods])
    series = []
    for method in methods:
        if method.name not in curves:
            continue
        curve = curves[method.name]
        if not np.isfinite(curve.error).any():
            continue
        band = (curve.low, curve.high) if method.role == "model" else (None, None)
        frames = np.arange(1, len(curve.error) + 1)
        series.append(chart.Series(method.name, style[method.name], frames, curve.error, *band))
    if not series:
        return None
    svg = chart.lines(series, "frames ahead", "error, px")
    note = "Best sample (lowest ADE); shaded: 95 %."
    whole = max(curves[method.name].cases for method in methods if method.name in curves)
    if whole < len(group.facts):
        note += (
            f" Of the {counted(whole, 'case')} with points in sight to the end."
            if whole
            else " Points of no case are in sight to the end: cases drop out on the way."
        )
    return Plot("Error over the horizon", svg, note)


def _time(group: Group, methods: Sequence[Method]) -> Plot | None:
    style, marks = styles(group), []
    for method in methods:
        error, seconds = method.estimates.get("best_ade"), method.estimates.get("seconds")
        if error is None or seconds is None:
            continue
        interval = None if error.low is None or error.high is None else (error.low, error.high)
        x = max(seconds.mean, LEAST)
        marks.append(chart.Point(method.name, style[method.name], x, error.mean, interval))
    if not marks:
        return None
    svg = chart.points(marks, "seconds a case", "ADE of the best sample, px")
    return Plot("Error against time", svg, "Lower left is better; bars: 95 %.")


def cases(group: Group, methods: Sequence[Method]) -> Plots | None:
    """Every case as a point: a model's error over the opponent's; None where there is no pair."""
    style, series = styles(group), []
    stored = {case.id: case.scalars.get("opponent_ade") for case in group.facts}
    for method in methods:
        rows = group.rows.get(method.name, {}) if method.role == "model" else {}
        found = [
            (theirs, rows[id].result.scalars["best_ade"])
            for id, theirs in stored.items()
            if theirs is not None and id in rows and "best_ade" in rows[id].result.scalars
        ]
        if found:
            x, y = np.maximum(np.array(found), CLOSEST).T
            series.append(chart.Series(method.name, style[method.name], x, y))
    if not series:
        return None
    svg = chart.pairs(series, f"{group.opponent}: ADE, px", "ADE of the best sample, px")
    note = "A point a case; below the diagonal is better. Thin lines: ten times apart."
    return Plots([Plot("Case by case", svg, note)])


def coverage(group: Group, methods: Sequence[Method]) -> Plots | None:
    """How often the truth lies inside the samples, beside how often it should; None if nowhere."""
    style = styles(group)
    found = coverages(group)
    series = [
        chart.Series(m.name, style[m.name], np.array(found[m.name][0]), np.array(found[m.name][1]))
        for m in methods
        if m.name in found
    ]
    if not series:
        return None
    ideal = np.array([0.0, 1.0])
    series.append(chart.Series("as it should be", "trivial", ideal, ideal))
    svg = chart.lines(series, "share that should lie inside", "share that does")
    note = (
        "How often the truth lies in central intervals of the samples; below the diagonal: the "
        "samples are too sure, or off to one side."
    )
    return Plots([Plot("Coverage", svg, note)])
