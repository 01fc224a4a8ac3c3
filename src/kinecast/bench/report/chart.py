"""Charts as SVG: lines over a common axis, and points with intervals, labelled where they end.

Colours are classes of the page (`page.css`), so that they follow its light or dark dress: `c0`,
`c1`, ... for methods, `opponent`, `trivial`. Coordinates are rounded to a tenth of a pixel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np
from jaxtyping import Float

from kinecast.bench.report.axis import Axis, label, linear, logarithmic

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 124, 14, 40  # margins; names stand in the right one
LONGEST = 17  # letters of a name that stand in a margin
LETTER, GAP = 6.8, 13.0  # width of a letter and height of a line of a label, about


@dataclass(frozen=True)
class Series:
    """A line.

    Attributes:
        name: written at its end, and shown when pointed at.
        style: class of the page's colours.
        x, y: its points in order; NaN is a gap.
        low, high: a band around it, or None.
    """

    name: str
    style: str
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"] | None = None
    high: Float[np.ndarray, " n"] | None = None


@dataclass(frozen=True)
class Point:
    """A named point with an interval up and down, or None."""

    name: str
    style: str
    x: float
    y: float
    interval: tuple[float, float] | None = None


def lines(series: Sequence[Series], across: str, up: str) -> str:
    """Lines over a linear axis, each with a finite value; those that come first lie on top."""
    heights = [v for s in series for v in (s.y if s.high is None else s.high) if np.isfinite(v)]
    y = linear(heights, HEIGHT - BOTTOM, TOP)
    ends = [float(v) for s in series for v in s.x]
    x = Axis(0.0, max(ends), LEFT, WIDTH - RIGHT)
    parts = [_frame(x, y, across, up)]
    for one in reversed(series):
        parts.append(f'<g class="{one.style}"><title>{escape(one.name)}</title>')
        if one.low is not None and one.high is not None:
            parts += [_band(x, y, one, run) for run in _runs(one.low + one.high)]
        parts += [_polyline(x, y, one, run) for run in _runs(one.y)]
        parts.append("</g>")
    last = [y.at(float(one.y[np.flatnonzero(np.isfinite(one.y))[-1]])) for one in series]
    parts += _names(series, last)
    return _svg(parts, up, across, series)


def points(marks: Sequence[Point], across: str, up: str) -> str:
    """Points over a logarithmic axis; the upright one begins at 0."""
    tops = [p.interval[1] if p.interval else p.y for p in marks]
    y = linear(tops, HEIGHT - BOTTOM, TOP)
    x = logarithmic([p.x for p in marks], LEFT, WIDTH - RIGHT / 3)
    parts, taken = [_frame(x, y, across, up)], [(x.at(p.x), y.at(p.y)) for p in marks]
    boxes = [(px - 5, py - 5, px + 5, py + 5) for px, py in taken]
    spans = [(p.interval, px) for p, (px, _) in zip(marks, taken, strict=True)]
    boxes += [(px - 2, y.at(i[1]), px + 2, y.at(i[0])) for i, px in spans if i]
    for one, (px, py) in reversed(list(zip(marks, taken, strict=True))):
        parts.append(f'<g class="{one.style}"><title>{escape(one.name)}</title>')
        if one.interval:
            low, high = (y.at(v) for v in one.interval)
            parts.append(f'<path class="bar" d="M{px:.1f} {low:.1f}V{high:.1f}"/>')
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4"/></g>')
    for one, (px, py) in zip(marks, taken, strict=True):
        name = _short(one.name)
        box = _free(px, py, LETTER * len(name), boxes)
        boxes.append(box)
        place, anchor = (box[0], "") if box[0] > px else (box[2], "end")
        if box[0] < px < box[2]:
            place, anchor = px, "middle"
        parts.append(_text(place, box[3] - 3, name, f"label {anchor} {one.style}"))
    return _svg(parts, up, across, marks)


def pairs(series: Sequence[Series], across: str, up: str) -> str:
    """Points whose two numbers (both > 0) are of one kind: equal on the diagonal, 10 times off it.

    Both axes are logarithmic and have the same range.
    """
    values = [float(v) for one in series for v in (*one.x, *one.y)]
    x = logarithmic(values, LEFT, WIDTH - RIGHT)
    y = replace(x, start=HEIGHT - BOTTOM, end=TOP)
    parts = [_frame(x, y, across, up)]
    for times in (0.1, 1.0, 10.0):
        low, high = max(x.low, x.low / times), min(x.high, x.high / times)
        if low < high:
            ends = [(x.at(v), y.at(v * times)) for v in (low, high)]
            path = "L".join(f"{px:.1f} {py:.1f}" for px, py in ends)
            parts.append(f'<path class="{"floor" if times == 1 else "grid"}" d="M{path}"/>')
    for one in reversed(series):
        dots = [
            f'<circle cx="{x.at(float(a)):.1f}" cy="{y.at(float(b)):.1f}" r="2.6" opacity=".75"/>'
            for a, b in zip(one.x, one.y, strict=True)
        ]
        parts.append(f'<g class="{one.style}"><title>{escape(one.name)}</title>{"".join(dots)}</g>')
    parts += _names(series, [TOP + 4 + GAP * i for i in range(len(series))])
    return _svg(parts, up, across, series)


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near those wanted, at least `gap` apart and within [low, high] where there is room."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = list(wanted)
    floor = low
    for i in order:
        placed[i] = floor = max(wanted[i], floor)
        floor += gap
    ceiling = high
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    return placed


def _names(series: Sequence[Series], heights: Sequence[float]) -> list[str]:
    """Names in the right margin, near those heights."""
    places = spread(heights, GAP, TOP + 4, HEIGHT - BOTTOM)
    return [
        _text(WIDTH - RIGHT + 6, height + 4, _short(one.name), f"label {one.style}")
        for one, height in zip(series, places, strict=True)
    ]


def _short(name: str) -> str:
    """As much of a name as the margin holds, its beginning and its end."""
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[: LONGEST - half]}…{name[1 - half :]}"


Box = tuple[float, float, float, float]


def _free(px: float, py: float, width: float, boxes: Sequence[Box]) -> Box:
    """Where a label of a point covers nothing: right, left, above, below, and farther away."""

    def overlap(box: Box) -> float:
        inside = box[0] >= LEFT and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
        area = sum(
            max(0.0, min(box[2], b[2]) - max(box[0], b[0]))
            * max(0.0, min(box[3], b[3]) - max(box[1], b[1]))
            for b in boxes
        )
        return area + (0 if inside else 1e6)

    def at(x: float, y: float) -> Box:
        return x, y - GAP / 2, x + width, y + GAP / 2

    tries = [
        at(x, py + rise)
        for rise in (0, -GAP, GAP, -2 * GAP, 2 * GAP, -3 * GAP, 3 * GAP)
        for x in (px + 8, px - 8 - width, px - width / 2)
        if rise or x != px - width / 2
    ]
    return min(tries, key=overlap)


def _frame(x: Axis, y: Axis, across: str, up: str) -> str:
    floor, parts = HEIGHT - BOTTOM, []
    for mark in y.marks():
        height = y.at(mark)
        parts.append(f'<path class="grid" d="M{LEFT} {height:.1f}H{x.end:.1f}"/>')
        parts.append(_text(LEFT - 6, height + 4, label(mark), "mark end"))
    for mark in x.marks():
        place = x.at(mark)
        parts.append(f'<path class="tick" d="M{place:.1f} {floor}v4"/>')
        parts.append(_text(place, floor + 16, label(mark), "mark middle"))
    parts.append(f'<path class="floor" d="M{LEFT} {floor}H{x.end:.1f}"/>')
    parts.append(_text((LEFT + x.end) / 2, HEIGHT - 6, across, "mark middle"))
    middle = (TOP + floor) / 2
    turned = f'transform="rotate(-90 10 {middle:.1f})"'
    parts.append(_text(10, middle, up, "mark middle", turned))
    return "".join(parts)


def _polyline(x: Axis, y: Axis, one: Series, run: np.ndarray) -> str:
    places = " ".join(f"{x.at(one.x[i]):.1f},{y.at(one.y[i]):.1f}" for i in run)
    if len(run) == 1:
        px, py = places.split(",")
        return f'<circle cx="{px}" cy="{py}" r="2"/>'
    return f'<polyline points="{places}"/>'


def _band(x: Axis, y: Axis, one: Series, run: np.ndarray) -> str:
    assert one.low is not None
    assert one.high is not None
    there = [(one.x[i], one.high[i]) for i in run]
    back = [(one.x[i], one.low[i]) for i in reversed(run)]
    places = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in (*there, *back))
    return f'<polygon class="band" points="{places}"/>'


def _runs(y: Float[np.ndarray, " n"]) -> Iterable[np.ndarray]:
    known = np.flatnonzero(np.isfinite(y))
    return [run for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(run)]


def _text(x: float, y: float, text: str, style: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" {more}>{escape(text)}</text>'


def _svg(
    parts: Sequence[str], up: str, across: str, shown: Sequence[Series] | Sequence[Point]
) -> str:
    about = f"{up} over {across}: {', '.join(one.name for one in shown)}"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(about)}">'
        + "".join(parts)
        + "</svg>"
    )
