"""TAP-Vid-Kinetics: the published CSV with one's own clips, or the pickles that its builder makes.

CSV: a row is one track, 753 columns: youtube_id, start, end (seconds), then x, y, occluded (0 or 1)
of 250 frames at 25 frames a second. The clip is `{id}_{start:06}_{end:06}.mp4` in any sub-folder;
it is shown at 25 frames a second, as the builder does, and a shorter one cuts its tracks short.
Convention: x and y are in [0, 1], edge-aligned: pixels = (x * W, y * H).

Pickles: ten shards `*_of_0010.pkl`, each a list of items: `video`, an array of JPEG bytes; `points`
float (N, T, 2); `occluded` (N, T). Convention: the builder stores (x * W - 0.5) / W, with the W of
the frames it read, and the same for y and H: half a source pixel less than the CSV. So pixels =
(x * W + 0.5, y * H + 0.5).

The two are never mixed: which a file is follows from its layout, and where the layout does not
settle it (frames that are not the builder's JPEGs) `--assume points=...` must.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video
from kinecast.data.importers.base import Importer, Options, choice, from_unit, number, stated_size
from kinecast.data.importers.tapvid import (
    is_encoded,
    named_items,
    pickles,
    point_arrays,
    tracks_of,
)
from kinecast.io.encoded import encoded_video
from kinecast.io.selected import at_rate, selected
from kinecast.io.video import open_video

FPS = 25.0
FRAMES = 250
_COLUMNS = 3 + 3 * FRAMES


def read(path: Path, options: Options) -> Iterator[Clip]:
    """Clips of the CSV or of the pickles: a file, or a folder that holds one of the two kinds."""
    if path.is_dir():
        tables, shards = sorted(path.rglob("*.csv")), list(path.rglob("*.pkl"))
        if len(tables) > 1 or bool(tables) == bool(shards):
            raise UserError(
                f"expected a folder with the CSV and clips, or with .pkl shards, got "
                f"{len(tables)} .csv and {len(shards)} .pkl files in {path}; name one of them"
            )
        table = tables[0] if tables else None
    else:
        table = path if path.suffix == ".csv" else None
    return _read_shards(path, options) if table is None else _read_csv(table, path, options)


def _read_shards(path: Path, options: Options) -> Iterator[Clip]:
    size = stated_size(options)
    for name, value in pickles(path):
        for key, item in named_items(value, name):
            video = _video(item, f"{key} in {name}")
            convention = _convention(item, f"{key} in {name}", options)
            points, occluded = point_arrays(item, f"{key} in {name}", len(video))
            if convention == "builder":
                xy = from_builder(points, video.size, size or video.size)
            else:
                xy = from_unit(points, video.size)
            source = {"importer": "tapvid-kinetics", "points": convention, "file": name}
            yield Clip(tracks_of(xy, occluded, video, source), video, id=key)


def from_builder(points: np.ndarray, size: Size, source_size: Size) -> np.ndarray:
    """Points (..., 2) as the builder stores them, (x * W - 0.5) / W, -> pixels of `size`.

    Args:
        points: of frames that the builder read at `source_size`.
        size: (W, H) of the frames that are stored.
        source_size: the W and H of the formula.
    """
    pixels = coords.from_pixel_centres(from_unit(points, source_size))
    return coords.resize(pixels, source_size, size)


def _video(item: Mapping[str, Any], name: str) -> Video:
    frames: Any = item.get("video")
    if isinstance(frames, np.ndarray) and frames.dtype == np.uint8 and frames.shape[3:] == (3,):
        return Video(ArraySource(frames, FPS), name)
    if is_encoded(frames):
        return encoded_video(frames, FPS, name)
    raise UserError(f"expected video of {name} as an array of JPEG bytes, got {type(frames)}")


def _convention(item: Mapping[str, Any], name: str, options: Options) -> str:
    values = ("builder", "raster")
    if "points" in options or is_encoded(item["video"]):
        return choice(options, "points", values, "builder")
    raise UserError(
        f"expected JPEG bytes, as the builder stores, got raw frames of {name}: whether the points "
        "carry the builder's shift of half a source pixel is not known; add --assume "
        "points=builder (and size=WxH of the frames it read, if these were resized) or "
        "points=raster"
    )


def _read_csv(table: Path, root: Path, options: Options) -> Iterator[Clip]:
    missing = choice(options, "missing", ("refuse", "skip"), "refuse")
    fps = number(options, "fps")
    folder = root if root.is_dir() else root.parent
    clips = _clip_files(folder)
    for key, places in _rows(table).items():
        clip = clips.get(key)
        if clip is None:
            if missing == "skip":
                continue
            raise UserError(
                f"expected the clip {key}.mp4 somewhere in {folder} for {table.name}, got none; "
                "fetch it, or leave such clips out by --assume missing=skip"
            )
        xy, occluded = _tracks(table, places)
        video = open_video(clip)
        if video.fps is None and fps is not None:
            video = selected(video, range(len(video)), fps)
        video = at_rate(video, FPS)
        frames = min(FRAMES, len(video))
        video = selected(video, range(frames), FPS)
        points = from_unit(xy[:, :frames], video.size)
        source = {
            "importer": "tapvid-kinetics", "points": "raster", "file": table.name,
            "clip": clip.name,
        }  # fmt: skip
        yield Clip(tracks_of(points, occluded[:, :frames], video, source), video, id=key)


def _clip_files(folder: Path) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*.mp4")):
        if file.stem in files:
            raise UserError(f"expected one clip {file.name}, got {files[file.stem]} and {file}")
        files[file.stem] = file
    return files


def _rows(table: Path) -> dict[str, list[int]]:
    """Clip name -> where its rows start in the file, in bytes."""
    places: dict[str, list[int]] = {}
    with table.open("rb") as file:
        start = 0
        for number_, line in enumerate(file, 1):
            if line.strip():
                fields = line.split(b",", 3)
                places.setdefault(_clip_name(fields, table, number_), []).append(start)
            start += len(line)
    if not places:
        raise UserError(f"expected rows of tracks, got none in {table}")
    return places


def _clip_name(fields: list[bytes], table: Path, line: int) -> str:
    try:
        video, start, end = (field.decode("utf-8").strip(' "') for field in fields[:3])
        if not re.fullmatch(r"[\w-]+", video):
            raise ValueError(f"the id {video!r}")
        return f"{video}_{int(float(start)):06}_{int(float(end)):06}"
    except (ValueError, OverflowError) as error:
        raise UserError(
            f"expected youtube_id, start, end and {FRAMES} times x, y, occluded in line {line} of "
            f"{table}, got another ({error})"
        ) from error


def _tracks(table: Path, places: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Points float64 (N, 250, 2) as stored and occluded bool (N, 250) of the rows."""
    values = np.empty((len(places), FRAMES, 3))
    with table.open("rb") as file:
        for row, place in zip(values, places, strict=True):
            file.seek(place)
            fields = next(csv.reader([file.readline().decode("utf-8")]))
            try:
                if len(fields) != _COLUMNS:
                    raise ValueError(f"{len(fields)} columns")
                row[:] = np.array(fields[3:], np.float64).reshape(FRAMES, 3)
                if not np.isin(row[:, 2], (0, 1)).all():
                    raise ValueError("occluded is not 0 or 1")
            except ValueError as error:
                raise UserError(
                    f"expected {_COLUMNS} columns, x, y, occluded of {FRAMES} frames, in {table} "
                    f"for {fields[0]}, got another ({error})"
                ) from error
    return values[..., :2], values[..., 2] == 1


IMPORTER = Importer(
    name="tapvid-kinetics",
    about=(
        "TAP-Vid-Kinetics (annotations CC BY 4.0; the YouTube clips may not be passed on: fetch "
        "Kinetics-700-2020 validation yourself): the CSV with a folder of clips, or the builder's "
        "*_of_0010.pkl"
    ),
    convention=(
        "CSV: x, y in [0, 1], edge-aligned: pixels = (x * W, y * H). Pickles: (x * W - 0.5) / W of "
        "the source frames: pixels = (x * W + 0.5, y * H + 0.5)"
    ),
    options=(
        "points=builder|raster: of pickles whose frames are not JPEG bytes: whether the points "
        "carry the builder's half-pixel shift",
        "size=WxH: the frames that the builder read, where those stored were resized",
        "missing=refuse|skip: clips of the CSV that are not there",
        "fps=NUMBER: of clips that do not say their frame rate",
    ),
    read=read,
)
