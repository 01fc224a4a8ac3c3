"""WHN's rollout folders: many futures of one first frame.

A folder movi_a_{rval|rood}_..._{scene}-{rollout} holds NAME_00.png, NAME_01.png, ...,
`trajectories.npy` (T, h, w, 2) and `visibility.npy` (T, h, w) in pixels, and the queries of the
benchmark, `q42_grid.pt` and `q42_obj.pt`, rows (t, x, y) or (x, y) of whole pixels. Source: WHN
(arXiv 2509.21592), its benchmark; `kinecast build whn-kubric` writes such folders.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import Tensor

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.video import Video
from kinecast.data.importers.arrays import flags
from kinecast.data.importers.base import Importer, Options, choice
from kinecast.data.importers.whn import KUBRIC_FPS
from kinecast.data.importers.whn_grids import CONVENTION, grid_of, grid_tracks, points_first
from kinecast.io.image_folder import ImageSource, images_in
from kinecast.io.npy import parse_npy
from kinecast.io.torch_file import load_torch

NAME = re.compile(r"movi_a_(?P<split>rval|rood)_.*?(?P<scene>\d{6})-(?P<rollout>\d{6})")
_QUERIES = {"grid": "q42_grid.pt", "objects": "q42_obj.pt"}


def _read(path: Path, options: Options) -> Iterator[Clip]:
    points = choice(options, "points", ("all", *_QUERIES), "all")
    split = choice(options, "worlds", ("rval", "rood", "both"), "both")
    folders = [path] if NAME.fullmatch(path.name) else sorted(p for p in path.iterdir())
    found = [(f, match) for f in folders if f.is_dir() and (match := NAME.fullmatch(f.name))]
    if not found:
        raise UserError(f"expected folders movi_a_rval_..._000000-000000 in {path}, got none")
    for folder, name in found:
        if split in ("both", name["split"]):
            clip = _clip(folder, name)
            yield clip if points == "all" else _queried(clip, folder / _QUERIES[points])


def _clip(folder: Path, name: re.Match[str]) -> Clip:
    source = ImageSource(images_in(folder))
    source.fps = KUBRIC_FPS
    video = Video(source, folder.name)
    where = str(folder / "trajectories.npy")
    xy = points_first(_load(folder / "trajectories.npy"), len(video), 1, where)
    at = str(folder / "visibility.npy")
    visible = flags(points_first(_load(folder / "visibility.npy"), len(video), 0, at),
                    xy.shape[:2], at)  # fmt: skip
    about = {
        "importer": "whn-rollouts", "file": str(folder), **name.groupdict(),
        "convention": CONVENTION,
    }  # fmt: skip
    grid = grid_of(xy.shape[1], video.size, centred=False)
    tracks = grid_tracks(xy, visible, grid, video.size, KUBRIC_FPS, about, where)
    return Clip(tracks, video, "", folder.name)


def _load(file: Path) -> np.ndarray:
    if not file.is_file():
        raise UserError(f"expected {file}, got none")
    return parse_npy(file.read_bytes(), str(file))


def _queried(clip: Clip, file: Path) -> Clip:
    """The points that start in the pixels of a query file; frame 0 is the query itself."""
    stored = load_torch(file)
    if not isinstance(stored, Tensor) or stored.ndim != 2 or stored.shape[1] not in (2, 3):
        raise UserError(f"expected a tensor of rows (t, x, y) or (x, y) in {file}, got another")
    rows = stored.numpy()
    pixels = rows[:, -2:].round().astype(np.int64)
    if rows.shape[1] == 3 and rows[:, 0].any():
        raise UserError(f"expected queries in frame 0 in {file}, got later ones")
    tracks = clip.tracks
    chosen = _places(pixels, tracks.grid, file)
    xy = tracks.xy[:, chosen]
    visible = tracks.visible[:, chosen]
    xy[0] = pixels + np.float32(0.5)
    visible[0] = True
    query = np.zeros(len(chosen), np.int64)
    found = replace(tracks, xy=xy, visible=visible, query_frame=query, grid=None)
    return replace(clip, tracks=found)


def _places(pixels: np.ndarray, grid: Grid | None, file: Path) -> np.ndarray:
    """Which point of the grid starts in each pixel.

    Raises:
        UserError: none does.
    """
    if grid is None:
        raise UserError(f"expected points of a regular grid beside {file}, got others")
    column, row = (pixels // int(grid.stride)).T
    inside = (column >= 0) & (column < grid.w) & (row >= 0) & (row < grid.h)
    laid = (pixels % int(grid.stride) == 0).all(1)
    if not (inside & laid).all():
        n = int(np.argmin(inside & laid))
        raise UserError(
            f"expected queries in pixels where a point starts, got {pixels[n].tolist()} in {file}"
        )
    return np.asarray(row * grid.w + column)


IMPORTER = Importer(
    name="whn-rollouts",
    about=(
        "WHN's Kubric benchmark, a folder a rollout. Licence: not stated by its authors; written "
        "by `kinecast build whn-kubric` it is yours."
    ),
    convention=f"{CONVENTION}; queries are whole pixels (t, x, y), their centres at +0.5",
    options=("points=all|grid|objects", "worlds=rval|rood|both"),
    read=_read,
)
