"""TAP-Vid: DAVIS, RGB-stacking and RoboTAP, as pickles.

Layout: a dict name -> item (DAVIS, RoboTAP) or a list of items (RGB-stacking); an item has `video`
uint8 (T, H, W, 3), `points` float (N, T, 2) and `occluded` bool (N, T). A RoboTAP zip holds several
pickles.

Convention: `points` are (x, y) in [0, 1], edge-aligned ("raster"): 0 and 1 are the frame's edges,
so that pixels are points * (W, H). The frames' own size is taken, whatever it is. Some readers
multiply by (W - 1, H - 1) and so take the values for pixel centres ("index"); files that were
written for them are stated by `--assume points=index`.

`visible` is not `occluded`, as annotated, whether or not the point lies inside the frame.
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.importers.base import (
    Importer,
    Options,
    choice,
    first_visible,
    from_unit,
    number,
)
from kinecast.io.archives import safe_members
from kinecast.io.pickles import load_pickle

_SUFFIXES = (".pkl", ".pickle")
_ARCHIVES = (".zip", ".tar", ".tgz", ".gz")
_FAR = 3.0  # in units of the frame: where most points are beyond, they are not in [0, 1]


def read(path: Path, options: Options) -> Iterator[Clip]:
    """Clips of a pickle, of a zip or folder of pickles."""
    convention = choice(options, "points", ("raster", "index"), "raster")
    fps = number(options, "fps")
    keys: set[str] = set()
    for name, value in pickles(path):
        for key, item in named_items(value, name):
            if key in keys:  # the parts of RoboTAP may use a name again
                key = f"{Path(name).stem}_{key}"
            keys.add(key)
            video = _frames(item, key, name, fps)
            points, occluded = point_arrays(item, f"{key} in {name}", len(video))
            xy = to_pixels(points, video.size, convention)
            source = {"importer": "tapvid", "points": convention, "file": name}
            yield Clip(tracks_of(xy, occluded, video, source), video, id=key)


def pickles(path: Path) -> Iterator[tuple[str, Any]]:
    """(name, value) of a pickle, or of every pickle in a folder or archive, one at a time.

    Raises:
        UserError: there is none, or one holds more than arrays and built-in values.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
        for file in files:
            yield file.name, load_pickle(file)
        if not files:
            raise UserError(f"expected a folder with .pkl files, got none in {path}")
    elif path.suffix in _ARCHIVES:
        members = (m for m in safe_members(path) if Path(m.name).suffix in _SUFFIXES)
        found = False
        for member in members:
            found = True
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "member.pkl"
                member.save(file)
                yield Path(member.name).name, load_pickle(file)
        if not found:
            raise UserError(f"expected an archive with .pkl files, got none in {path}")
    else:
        yield path.name, load_pickle(path)


def named_items(value: Any, file: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(id, item) of a dict of items, or of a list: then the id is the file's name and a number.

    Raises:
        UserError: neither, or an item is not a dict.
    """
    stem = Path(file).stem
    if isinstance(value, dict):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        pairs = [(f"{stem}_{i:05d}", item) for i, item in enumerate(value)]
    else:
        raise UserError(
            f"expected a dict or a list of clips in {file}, got a {type(value).__name__}"
        )
    for key, item in pairs:
        if not isinstance(item, dict):
            raise UserError(
                f"expected a dict with video, points and occluded for {key} in {file}, got a "
                f"{type(item).__name__}"
            )
        yield key, item


def point_arrays(item: Mapping[str, Any], name: str, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """`points` float64 (N, T, 2) and `occluded` bool (N, T) of an item.

    Raises:
        UserError: missing, of another shape, of another length than the video, visible and not
            finite, not in [0, 1] units, or flags other than 0 and 1.
    """
    for key in ("points", "occluded"):
        if not isinstance(item.get(key), np.ndarray):
            raise UserError(f"expected the array {key!r} of {name}, got {sorted(map(str, item))}")
    points, occluded = item["points"], item["occluded"]
    fits = points.ndim == 3 and points.shape[2] == 2 and points.dtype.kind == "f"
    if not fits or points.shape[1] != frames:
        raise UserError(
            f"expected points float (N, {frames}, 2) of {name}, got {points.dtype} {points.shape}"
        )
    plain = occluded.dtype.kind in "biuf" and occluded.shape == points.shape[:2]
    if not plain or not np.isin(occluded, (0, 1)).all():
        raise UserError(
            f"expected occluded bool {points.shape[:2]} of {name}, got {occluded.dtype} "
            f"{occluded.shape}"
        )
    points, hidden = points.astype(np.float64), occluded.astype(bool)
    seen = points[~hidden]
    if not np.isfinite(seen).all():
        raise UserError(f"expected finite points of {name} where they are not occluded, got NaN")
    if len(seen) and (np.abs(seen) > _FAR).mean() > 0.5:
        raise UserError(
            f"expected points of {name} as shares of the frame, 0 to 1, got values up to "
            f"{np.abs(seen).max():.4g}, which look like pixels; divide them by the frame's size"
        )
    return points, hidden


def to_pixels(points: np.ndarray, size: Size, convention: str) -> np.ndarray:
    """Points (..., 2) in [0, 1] of the convention "raster" or "index" -> pixels of (W, H)."""
    if convention == "raster":
        return from_unit(points, size)
    return coords.from_pixel_centres(from_unit(points, (size[0] - 1, size[1] - 1)))


def tracks_of(
    xy: np.ndarray, occluded: np.ndarray, video: Video, source: Mapping[str, Any]
) -> Tracks:
    """Tracks of pixels float64 (N, T, 2) and flags bool (N, T)."""
    visible = np.ascontiguousarray(~occluded.T)
    return Tracks(
        xy=np.ascontiguousarray(xy.transpose(1, 0, 2), np.float32),
        visible=visible,
        size=video.size,
        query_frame=first_visible(visible),
        fps=video.fps,
        source=source,
    )


def _frames(item: Mapping[str, Any], key: str, file: str, fps: float | None) -> Video:
    frames = item.get("video")
    if isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.shape[3:] == (3,):
        return Video(ArraySource(frames, fps), key)
    if is_encoded(frames):
        raise UserError(
            f"expected uint8 frames of {key} in {file}, got encoded pictures, as TAP-Vid-Kinetics "
            "has, whose points are shifted by half a pixel; use --from tapvid-kinetics"
        )
    got = f"{frames.dtype} {frames.shape}" if isinstance(frames, np.ndarray) else type(frames)
    raise UserError(f"expected video uint8 (T, H, W, 3) of {key} in {file}, got {got}")


def is_encoded(frames: Any) -> bool:
    """Whether frames are a list or an array of the bytes of image files."""
    listed = isinstance(frames, list) or (isinstance(frames, np.ndarray) and frames.ndim == 1)
    return listed and len(frames) > 0 and isinstance(frames[0], bytes | memoryview)


IMPORTER = Importer(
    name="tapvid",
    about=(
        "TAP-Vid DAVIS (annotations CC BY 4.0; videos as their makers license them), RGB-stacking "
        "and RoboTAP (CC BY 4.0), pickles from DeepMind's TAP-Vid page: a .pkl, a .zip or a folder"
    ),
    convention="x, y in [0, 1] of the stored frame, edge-aligned: pixels = points * (W, H)",
    options=(
        "points=raster|index: the unit interval spans the frame's edges (as published), or the "
        "centres of its first and last pixel",
        "fps=NUMBER: frames a second, which the files do not say",
    ),
    read=read,
)
