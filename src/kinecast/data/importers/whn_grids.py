"""How WHN lays its points, and what its arrays are checked for.

Points lie at pixel centres (+0.5), order (x, y), in pixels; arrays are `(h w) t d`, row-major, or
`t h w d`. Source: WHN (arXiv 2509.21592), its shards and query grids.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks

CONVENTION = (
    "tracks are pixels (x, y) of the frame, pixel centres at +0.5, points row-major in (h w) t d "
    "or t h w d"
)


def grid_of(count: int, size: Size, centred: bool) -> Grid | None:
    """The regular grid of `count` points on a (W, H) frame; None where no whole stride gives them.

    Args:
        count: of points.
        size: of the frame.
        centred: the first point is in the middle of its cell (stride / 2 + 0.5), not in its
            top-left pixel (0.5).
    """
    W, H = size
    for stride in range(1, min(W, H) + 1):
        h, w = -(-H // stride), -(-W // stride)
        if h * w == count:
            first = stride // 2 + 0.5 if centred else 0.5
            return Grid(h, w, float(stride), (first, first))
    return None


def points_first(array: np.ndarray, T: int, trailing: int, where: str) -> np.ndarray:
    """`(h w) t ...` or `t h w ...` -> (T, N, ...).

    Args:
        array: with `trailing` axes after those of points and frames.
        T: frames of its video.
        trailing: number of axes that follow.
        where: what to call the array in messages.

    Raises:
        UserError: another number of axes or of frames.
    """
    dense = array.ndim == 3 + trailing
    if not dense and array.ndim != 2 + trailing:
        raise UserError(f"expected (h w) t ... or t h w ... in {where}, got {array.shape}")
    frames = array.shape[0] if dense else array.shape[1]
    if frames != T:
        layout = "(t, h, w, ...)" if dense else "(h w, t, ...)"
        raise UserError(
            f"expected {T} frames, as the video has, in {where} {layout}, got {array.shape}; "
            "are its axes in another order?"
        )
    if dense:
        return array.reshape(T, -1, *array.shape[3:])
    return np.moveaxis(array, 0, 1)


def grid_tracks(
    xy: np.ndarray,
    visible: np.ndarray | None,
    grid: Grid | None,
    size: Size,
    fps: float | None,
    source: dict[str, Any],
    where: str,
) -> Tracks:
    """Tracks of points that were laid in frame 0.

    Args:
        xy: (T, N, 2) pixels.
        visible: (T, N), or None: then a point is taken as seen while it is inside the frame.
        grid: where the points were laid, if regularly. Those that are seen in frame 0, within half
            a pixel of it, have the query frame 0.
        size, fps: of the video.
        source: provenance.
        where: what to call the array in messages.

    Raises:
        UserError: not (T, N, 2) numbers, or in frame 0 the points lie on the grid only with x and
            y, or rows and columns, exchanged.
    """
    if xy.ndim != 3 or xy.shape[2] != 2 or xy.dtype.kind not in "fiu":
        raise UserError(f"expected numbers (x, y) in {where}, got {xy.dtype} {xy.shape}")
    xy = np.ascontiguousarray(xy, np.float32)
    laid = np.isfinite(xy[0]).all(-1) if grid is None else _check_order(xy[0], grid, where)
    source = {**source, "visible": "stored" if visible is not None else "inside the frame"}
    if visible is None:
        visible = coords.inside(xy, size)
    else:
        visible = visible & np.isfinite(xy).all(-1)
    query = np.where(laid & visible[0], 0, -1).astype(np.int64)
    return Tracks(xy, visible, size, query, fps=fps, grid=grid, source=source)


def thinned(tracks: Tracks, stride: int, where: str) -> Tracks:
    """Every k-th point of every k-th row, such that `stride` pixels are between them.

    Raises:
        UserError: the points are no grid, or `stride` is no multiple of its stride.
    """
    grid = tracks.grid
    if grid is None or stride % grid.stride:
        laid = "points of no regular grid" if grid is None else f"every {grid.stride:g} pixels"
        raise UserError(f"expected a stride that is a multiple of what {where} has, got {laid}")
    step = int(stride // grid.stride)
    keep = np.arange(grid.count).reshape(grid.h, grid.w)[::step, ::step]
    chosen = keep.ravel()
    return replace(
        tracks,
        xy=tracks.xy[:, chosen],
        visible=tracks.visible[:, chosen],
        query_frame=tracks.query_frame[chosen],
        grid=Grid(keep.shape[0], keep.shape[1], float(stride), grid.origin),
    )


def _check_order(
    first: Float32[np.ndarray, "n 2"], grid: Grid, where: str
) -> Bool[np.ndarray, " n"]:
    """Which points are within half a pixel of where they were laid."""
    laid = grid.points()

    def near(points: np.ndarray) -> np.ndarray:
        distance: np.ndarray = np.abs(first - points.reshape(-1, 2)).max(-1)
        return distance < 0.5

    right = near(laid)
    for other, what in (
        (laid[..., ::-1], "(y, x) instead of (x, y)"),
        (laid.transpose(1, 0, 2), "its points column by column, (w h), instead of row by row"),
    ):
        wrong = near(other)
        if right.mean() < 0.5 < wrong.mean() and (wrong & ~right).any():
            raise UserError(
                f"expected {where} to start on its grid of points, got {what}; "
                "it is not the published layout"
            )
    return right
