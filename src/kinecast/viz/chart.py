"""Small charts for looking at a run: curves over a common axis, and histograms."""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Float, UInt8

WIDTH, HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 56, 44  # margins; the names stand in the upper one
_PAPER, _INK, _GRID = (250, 250, 250), (40, 40, 40), (222, 222, 222)
_COLOURS = ((31, 95, 191), (214, 96, 30), (44, 140, 70), (150, 60, 160), (120, 120, 120))
_TICKS = 4
_NAMES = 0.42  # scale of the font

Curve = tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


def curves(
    title: str, lines: Mapping[str, Curve], across: str, up: str
) -> UInt8[np.ndarray, "h w 3"]:
    """Named curves of (x, y); the first is drawn strongest. Values that are not finite are gaps.

    Raises:
        ValueError: there is no finite value.
    """
    points = np.concatenate([np.stack(line, axis=-1) for line in lines.values()])
    points = points[np.isfinite(points).all(-1)]
    if not len(points):
        raise ValueError(f"a chart needs a finite value, got none in {title!r}")
    low, high = points.min(0), points.max(0)
    low[1] = min(low[1], 0.0)
    high = np.where(high > low, high, low + 1.0)
    picture = np.full((HEIGHT, WIDTH, 3), _PAPER, np.uint8)
    corner = np.array([_LEFT, HEIGHT - _BOTTOM])
    extent = np.array([WIDTH - _LEFT - _RIGHT, -(HEIGHT - _TOP - _BOTTOM)])

    def place(xy: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        return corner + (xy - low) / (high - low) * extent

    for share in np.linspace(0, 1, _TICKS + 1):
        value = low + share * (high - low)
        x, y = place(value[None])[0].round().astype(int).tolist()
        cv2.line(picture, (_LEFT, y), (WIDTH - _RIGHT, y), _GRID, 1)
        _text(picture, f"{value[1]:.3g}", (6, y + 4), 0.4)
        _text(picture, f"{value[0]:.3g}", (x - 10, HEIGHT - _BOTTOM + 16), 0.4)
    for index, line in reversed(list(enumerate(lines.values()))):
        colour = _COLOURS[index % len(_COLOURS)]
        xy = np.stack(line, axis=-1).astype(float)
        for run in np.split(xy, np.flatnonzero(~np.isfinite(xy).all(-1))):
            drawn = place(run[np.isfinite(run).all(-1)]).round().astype(np.int32)
            cv2.polylines(picture, [drawn], False, colour, 1 if index else 2, cv2.LINE_AA)
    x = _LEFT
    for index, name in enumerate(lines):
        _text(picture, name, (x, 42), _NAMES, _COLOURS[index % len(_COLOURS)])
        x += cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, _NAMES, 1)[0][0] + 14
    _text(picture, title, (_LEFT, 24), 0.55)
    _text(picture, f"{up} over {across}", (_LEFT, HEIGHT - 8), 0.42)
    return picture


def histogram(
    title: str, values: Mapping[str, Float[np.ndarray, "..."]], across: str, bins: int = 60
) -> UInt8[np.ndarray, "h w 3"]:
    """Densities of named values over their common range.

    Raises:
        ValueError: there is no finite value.
    """
    finite = {name: np.ravel(v)[np.isfinite(np.ravel(v))] for name, v in values.items()}
    everything = np.concatenate(list(finite.values()))
    if not everything.size:
        raise ValueError(f"a histogram needs a finite value, got none in {title!r}")
    edges = np.histogram_bin_edges(everything, bins)
    middles = (edges[1:] + edges[:-1]) / 2
    lines = {
        name: (middles, np.histogram(v, edges, density=True)[0])
        for name, v in finite.items()
        if v.size
    }
    return curves(title, lines, across, "density")


def _text(
    picture: UInt8[np.ndarray, "h w 3"],
    text: str,
    at: tuple[int, int],
    scale: float,
    colour: tuple[int, int, int] = _INK,
) -> None:
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
