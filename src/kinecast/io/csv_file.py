"""Tracks as CSV: one row per frame and point (docs/formats.md)."""

import json
from pathlib import Path

import numpy as np

from kinecast.core.coords import check_size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.io.atomic import atomic_path
from kinecast.io.npz import json_text

KIND = "kinecast-tracks-csv"
VERSION = 1
_COLUMNS = ["frame", "point", "x", "y", "visible"]


def save_csv(path: str | Path, tracks: Tracks) -> None:
    """Write tracks as CSV; reading them back gives the same float32 values.

    Raises:
        UserError: the file cannot be written.
    """
    columns = _COLUMNS + (["confidence"] if tracks.confidence is not None else [])
    grid = tracks.grid
    header = {
        "format": KIND,
        "version": VERSION,
        "size": tracks.size,
        "fps": tracks.fps,
        "grid": None if grid is None else [grid.h, grid.w, grid.stride, *grid.origin],
        "query_frame": tracks.query_frame.tolist(),
        "source": dict(tracks.source),
    }
    T, N = tracks.visible.shape
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# {json_text(header)}\n{','.join(columns)}\n")
        for t in range(T):
            for n in range(N):
                x, y = tracks.xy[t, n]
                row = f"{t},{n},{x!s},{y!s},{int(tracks.visible[t, n])}"
                if tracks.confidence is not None:
                    row += f",{tracks.confidence[t, n]!s}"
                file.write(row + "\n")


def load_csv(path: str | Path) -> Tracks:
    """Read tracks from CSV.

    Raises:
        UserError: no such file, no header, other columns, or not every point in every frame.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file: {path}; check the path")
    try:
        lines = path.read_text("utf-8").splitlines()
        header = json.loads(lines[0].removeprefix("# "))
        if (header["format"], header["version"]) != (KIND, VERSION):
            raise ValueError(f"{header['format']} version {header['version']}")
        size = check_size(tuple(header["size"]))
        fps, grid, source = header["fps"], header["grid"], dict(header["source"])
        fps = None if fps is None else float(fps)
        query = np.array(header["query_frame"], np.int64).reshape(-1)
        if grid is not None:
            h, w, stride, x, y = grid
            grid = Grid(int(h), int(w), float(stride), (float(x), float(y)))
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"expected a first line # {{...}} with format {KIND!r}, version {VERSION}, size, fps, "
            f"grid, query_frame and source in {path} (docs/formats.md), got another ({error})"
        ) from error
    columns = lines[1].split(",") if len(lines) > 1 else []
    if columns not in (_COLUMNS, [*_COLUMNS, "confidence"]):
        raise UserError(f"expected the columns {','.join(_COLUMNS)}[,confidence] in {path}")
    try:
        table = np.loadtxt(lines[2:], delimiter=",", ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise UserError(f"expected {len(columns)} numbers a row in {path}: {error}") from error
    N = len(query)
    T = len(table) // max(N, 1)
    expected = np.indices((T, N)).reshape(2, -1).T
    if table.shape != (T * N, len(columns)) or not np.array_equal(table[:, :2], expected):
        raise UserError(
            f"expected rows in order, frame by frame, {N} points each, in {path}; "
            f"got {len(table)} rows"
        )
    visible = table[:, 4].reshape(T, N)
    if not np.isin(visible, (0, 1)).all():
        raise UserError(f"expected visible 0 or 1 in {path}")
    try:
        return Tracks(
            xy=table[:, 2:4].astype(np.float32).reshape(T, N, 2),
            visible=visible == 1,
            size=size,
            query_frame=query,
            confidence=(
                table[:, 5].astype(np.float32).reshape(T, N) if len(columns) == 6 else None
            ),
            fps=fps,
            grid=grid,
            source=source,
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
