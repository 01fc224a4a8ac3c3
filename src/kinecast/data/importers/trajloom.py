"""TrajLoomDatasets: a video NAME.mp4 and its tracks NAME.npz.

Layout: the npz holds `trajectory` (also `trajectories`, `tracks`) float32 (N, T, 2) and
`visibility` (also `visibilities`, `vis`) (N, T), 1 where seen; captions are in a table with the
columns `videoid`, `video_path` and `text`. N = 390: a grid of 15 x 26 points, row by row, laid in
the first frame at the top-left pixel of each cell of 32 pixels of an 832x480 frame. A frame of
another size has one at every 32nd pixel, with or without those of the cells that the edge cuts.

Convention: (x, y) in pixels of that frame, integers are pixel centres (the grid stands at x = 0,
32, ...), so half a pixel is added.

The authors' loader tries units, axis orders and flag senses and keeps what scores best. Here the
first frame must show the grid as published; where it does not, the message names what would fit
and the option that states it.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Float64

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import REFERENCE_SIZE, Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.importers.base import Importer, Options, choice, from_unit, stated_size
from kinecast.data.importers.captions import caption_of, captions_of, is_caption_table
from kinecast.io.npy import parse_npz
from kinecast.io.resized import resized
from kinecast.io.selected import selected
from kinecast.io.video import open_video

CELL = 32
POINTS = 390
_TRACKS = ("trajectory", "trajectories", "tracks")
_FLAGS = ("visibility", "visibilities", "vis")
_UNITS = ("pixels", "unit", "signed")
_ORDERS = ("xy", "yx")
_EXACT = 0.01  # pixels: the grid as it was laid


def read(path: Path, options: Options) -> Iterator[Clip]:
    """A clip an npz, of one or of all below a folder; videos are found by the same stem."""
    root = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise UserError(
            f"expected a folder with .npz tracks and .mp4 videos, got no .npz in {path}"
        )
    below = Path(options.get("videos", root))
    videos = {file.stem: file for file in sorted(below.rglob("*.mp4"))}
    tables = [table for table in sorted(root.glob("*.csv")) if is_caption_table(table)]
    captions = captions_of(tables, options)
    wanted = choice(options, "video", ("required", "none"), "required") == "required"
    for file in files:
        video = None
        if wanted:
            if file.stem not in videos:
                raise UserError(
                    f"expected the video {file.stem}.mp4 of {file} below {below}, got none; fetch "
                    "it, or state --assume video=none"
                )
            video = open_video(videos[file.stem])
        clip_id = file.relative_to(root).with_suffix("").as_posix()
        caption = caption_of(captions, videos.get(file.stem, file), root)
        yield _clip(file, video, clip_id, caption, options)


def _clip(file: Path, video: Video | None, clip_id: str, caption: str, options: Options) -> Clip:
    arrays = parse_npz(file.read_bytes(), str(file))
    points = _points(arrays, file, options)
    visible = _visible(arrays, points.shape[:2], file, options)
    N, T = points.shape[:2]
    size = _frame(N, video, file, options)
    units = choice(options, "units", _UNITS, "pixels")
    order = choice(options, "order", _ORDERS, "xy")
    xy = to_pixels(points, size, units, order)
    grid = None
    if choice(options, "points", ("grid", "any"), "grid") == "grid":
        grid = grid_of(size, N)
        off = _off(xy[:, 0], grid)
        if off > CELL / 2:
            raise UserError(_misfit(points, size, file, off))
        exact = np.abs(xy[:, 0] - grid.points().reshape(-1, 2)).max() < _EXACT
        grid = grid if exact else None
    if video is not None:
        if len(video) < T:
            raise UserError(f"expected {T} frames or more in the video of {file}, got {len(video)}")
        video = video if video.size == size else resized(video, size)
        video = video if len(video) == T else selected(video, range(T), video.fps)
    seen = np.ascontiguousarray(visible.T)
    tracks = Tracks(
        xy=np.ascontiguousarray(xy.transpose(1, 0, 2), np.float32),
        visible=seen,
        size=size,
        query_frame=np.where(seen[0], 0, -1).astype(np.int64),
        fps=None if video is None else video.fps,
        grid=grid,
        source={"importer": "trajloom", "file": file.name, "tracker": "alltracker",
                "units": units, "order": order, "points": "integers are pixel centres"},
    )  # fmt: skip
    return Clip(tracks, video, caption, clip_id)


def to_pixels(
    points: Float64[np.ndarray, "*n 2"], size: Size, units: str = "pixels", order: str = "xy"
) -> Float64[np.ndarray, "*n 2"]:
    """Points whose integers are pixel centres -> edge-aligned pixels of (W, H).

    Args:
        points: (..., 2) in the stated order.
        size: (W, H) of the frame.
        units: "pixels", "unit" (divided by the size) or "signed" (2 * p / size - 1).
        order: "xy" or "yx".
    """
    xy = np.asarray(points, np.float64)[..., :: 1 if order == "xy" else -1]
    if units == "unit":
        xy = from_unit(xy, size)
    elif units == "signed":
        xy = coords.denormalise(xy, size)
    return coords.from_pixel_centres(xy)


def grid_of(size: Size, N: int) -> Grid:
    """The published grid on a (W, H) frame: at the top-left pixel of each cell of 32.

    Raises:
        UserError: neither all cells nor all whole cells are N.
    """
    for round_ in (math.ceil, math.floor):
        w, h = (round_(side / CELL) for side in size)
        if h * w == N:
            return Grid(h, w, float(CELL), (0.5, 0.5))
    raise UserError(
        f"expected {math.ceil(size[1] / CELL)} x {math.ceil(size[0] / CELL)} points, one in each "
        f"{CELL}-pixel cell of the {size[0]}x{size[1]} frame, got {N}; state --assume size=WxH or "
        "points=any"
    )


def _off(first: Float64[np.ndarray, "n 2"], grid: Grid) -> float:
    """How far the points of the first frame are from the grid: the median, in pixels."""
    return float(np.median(np.abs(first - grid.points().reshape(-1, 2)).max(-1)))


def _misfit(points: np.ndarray, size: Size, file: Path, off: float) -> str:
    W, H = size
    grid = grid_of(size, len(points))
    fits = next(
        (
            f"; units={units} and order={order} would fit: state them by --assume if that is so"
            for units in _UNITS
            for order in _ORDERS
            if _off(to_pixels(points[:, 0], size, units, order), grid) < 1
        ),
        "; if these are not points of a grid in pixels (x, y) of this frame, state "
        "--assume units=..., order=..., size=WxH or points=any",
    )
    return (
        f"expected points at x = 0, {CELL}, ... of a {W}x{H} frame in the first frame of {file}, "
        f"got points {off:.1f} pixels away{fits}"
    )


def _frame(N: int, video: Video | None, file: Path, options: Options) -> Size:
    """The frame that the pixels belong to: stated, the published one, or the video's."""
    stated = stated_size(options)
    if stated is None and (N == POINTS or video is None):
        if N != POINTS:
            raise UserError(
                f"expected {POINTS} points, which belong to an 832x480 frame, or a video, got {N} "
                f"points in {file}; state --assume size=WxH"
            )
        stated = REFERENCE_SIZE
    return stated or video.size  # type: ignore[union-attr]  # one of them is there


def _points(arrays: Mapping[str, np.ndarray], file: Path, options: Options) -> np.ndarray:
    """(N, T, 2) as stored."""
    key = _key(arrays, _TRACKS, "tracks", file, options)
    points = arrays[key]
    if points.ndim != 3 or points.shape[2] != 2 or points.dtype.kind != "f":
        raise UserError(
            f"expected {key} float (N, T, 2) in {file}, got {points.dtype} {points.shape}"
        )
    if choice(options, "axes", ("nt", "tn"), "nt") == "tn":
        points = points.transpose(1, 0, 2)
    elif points.shape[1] == POINTS != points.shape[0]:
        raise UserError(
            f"expected {key} (N, T, 2) in {file}, got {points.shape}, which looks like (T, N, 2); "
            "state --assume axes=tn if it is"
        )
    return points.astype(np.float64)


def _visible(
    arrays: Mapping[str, np.ndarray], shape: tuple[int, ...], file: Path, options: Options
) -> Bool[np.ndarray, "n t"]:
    if options.get("visibility") == "all":
        return np.ones(shape, bool)
    key = _key(arrays, _FLAGS, "visibility", file, options)
    sense = choice(
        options, "flag", ("visible", "occluded"), None if "occ" in key.lower() else "visible"
    )
    flags: Float32[np.ndarray, "n t"] = arrays[key]
    if options.get("axes") == "tn":
        flags = flags.T
    if flags.shape != shape or not np.isin(flags, (0, 1)).all():
        raise UserError(
            f"expected {key} of 0 and 1 {shape} in {file}, got {flags.dtype} {flags.shape}"
        )
    return np.asarray(flags != 0 if sense == "visible" else flags == 0)


def _key(
    arrays: Mapping[str, np.ndarray], known: tuple[str, ...], option: str, file: Path,
    options: Options,
) -> str:  # fmt: skip
    """The name of an array: stated, or the one of the published names that is there."""
    found = [options[option]] if option in options else [key for key in known if key in arrays]
    if len(found) != 1 or found[0] not in arrays:
        raise UserError(
            f"expected one array {' or '.join(known)} in {file}, got {', '.join(sorted(arrays))}; "
            f"state --assume {option}=NAME"
        )
    return found[0]


IMPORTER = Importer(
    name="trajloom",
    about=(
        "TrajLoomDatasets (licence: see its card; the videos keep theirs) from the Hugging Face "
        "hub, zeweizhang/TrajLoomDatasets: a folder with NAME.npz and NAME.mp4"
    ),
    convention=(
        "x, y in pixels of an 832x480 frame, integers are pixel centres: + 0.5; 15 x 26 points, "
        "row by row, from the top-left pixel of each 32-pixel cell"
    ),
    options=(
        "units=pixels|unit|signed: pixels (as published), divided by the size, or 2 * p / size - 1",
        "order=xy|yx: of the last axis",
        "axes=nt|tn: of the first two axes",
        "flag=visible|occluded: what 1 means",
        "size=WxH: the frame that the points belong to",
        "points=grid|any: any points instead of the published grid",
        "tracks=NAME: the array of points, where it has another name",
        "visibility=NAME: the array of flags; all: there is none, and all points are seen",
        "video=required|none: tracks without their videos",
        "videos=FOLDER: where the videos are, if not below the tracks",
        "captions=FILE: a table with videoid or video_path, and text",
    ),
    read=read,
)
