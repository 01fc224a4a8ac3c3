"""What TrajLoom's evaluation writes: a folder a video, with arrays beside one another.

Layout: `query_xy.npy` (N, 2) int64, `gt_tracks.npy` and `pred_tracks.npy` (T, N, 2) float32,
`gt_visibility.npy` and `pred_visibility.npy` (T, N) uint8, `pred_visibility_prob.npy` (T, N)
float16. The frames are the future: the query frame lies before them.

Convention: (x, y) in pixels of an 832x480 frame, integers are pixel centres: half a pixel is added.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import REFERENCE_SIZE, Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.importers.base import Importer, Options, choice, number, stated_size
from kinecast.data.importers.trajloom import CELL, grid_of
from kinecast.io.npy import parse_npy

_QUERY = "query_xy.npy"


def read(path: Path, options: Options) -> Iterator[Clip]:
    """A clip a folder that holds query_xy.npy; an id is its path."""
    folders = sorted(file.parent for file in path.rglob(_QUERY)) if path.is_dir() else []
    if not folders:
        raise UserError(f"expected folders with {_QUERY}, gt_tracks.npy, ... in {path}, got none")
    which = choice(options, "tracks", ("gt", "pred"), "gt")
    size = stated_size(options) or REFERENCE_SIZE
    for folder in folders:
        points = _array(folder, f"{which}_tracks.npy", "f", 3)
        flags = _array(folder, f"{which}_visibility.npy", "biu", 2)
        query = _array(folder, _QUERY, "iu", 2)
        T, N = points.shape[:2]
        if points.shape != (T, N, 2) or flags.shape != (T, N) or query.shape != (N, 2):
            raise UserError(
                f"expected tracks (T, N, 2), visibility (T, N) and {_QUERY} (N, 2) in {folder}, "
                f"got {points.shape}, {flags.shape} and {query.shape}"
            )
        if not np.isin(flags, (0, 1)).all():
            raise UserError(f"expected 0 and 1 in {which}_visibility.npy of {folder}")
        confidence = None
        if which == "pred" and (folder / "pred_visibility_prob.npy").is_file():
            confidence = _array(folder, "pred_visibility_prob.npy", "f", 2).astype(np.float32)
        laid = coords.from_pixel_centres(query.astype(np.float32))
        tracks = Tracks(
            xy=coords.from_pixel_centres(points.astype(np.float64)).astype(np.float32),
            visible=flags != 0,
            size=size,
            confidence=confidence,
            fps=number(options, "fps"),
            grid=_grid(laid, size),
            source={"importer": "trajloom-eval", "tracks": which, "file": folder.name,
                    "points": "integers are pixel centres"},
        )  # fmt: skip
        name = folder.name if folder == path else folder.relative_to(path).as_posix()
        yield Clip(tracks, id=name)


def _grid(laid: np.ndarray, size: Size) -> Grid | None:
    """The published grid, if the queries are its points."""
    W, H = size
    if len(laid) != math.ceil(W / CELL) * math.ceil(H / CELL):
        return None
    grid = grid_of(size, len(laid))
    return grid if np.array_equal(laid, grid.points().reshape(-1, 2)) else None


def _array(folder: Path, name: str, kinds: str, axes: int) -> np.ndarray:
    file = folder / name
    if not file.is_file():
        raise UserError(f"expected {name} in {folder}, got no such file")
    array = parse_npy(file.read_bytes(), str(file))
    if array.dtype.kind not in kinds or array.ndim != axes:
        raise UserError(f"expected {name} of {axes} axes, got {array.dtype} {array.shape}: {file}")
    return array


IMPORTER = Importer(
    name="trajloom-eval",
    about="the output of TrajLoom's evaluation, made by running it: a folder of folders of .npy",
    convention="x, y in pixels of an 832x480 frame, integers are pixel centres: + 0.5",
    options=(
        "tracks=gt|pred: the truth (default) or the forecast",
        "size=WxH: the frame that the pixels belong to (default 832x480)",
        "fps=NUMBER: frames a second, which the files do not say",
    ),
    read=read,
)
