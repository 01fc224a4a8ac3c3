"""LeRobot data sets, versions 2.0, 2.1 and 3.0: with tracks as we export them, or videos alone.

An episode is a clip. Its caption is its tasks. The frames of its video are those of one view.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data import lerobot as layout
from kinecast.data.importers.base import Importer, Item, Options, Untracked, choice, from_unit
from kinecast.data.shards import schema
from kinecast.io.reframed import Crop, cropped
from kinecast.io.selected import selected
from kinecast.io.video import open_video

_LARGEST_EPISODE = 2**30  # bytes of the columns of tracks, decompressed


def read(path: Path, options: Options) -> Iterator[Item]:
    """The episodes of a data set, in order."""
    info = layout.read_info(path)
    features = info["features"]
    view = _view(features, options, path)
    if layout.TRACKS not in features and view is None:
        raise UserError(f"expected {layout.TRACKS} or a video among the features of {path}")
    convention = None
    if layout.TRACKS in features:
        stated = (features[layout.TRACKS].get("info") or {}).get("convention")
        convention = "edge" if stated == layout.CONVENTION else choice(options, "points", _POINTS)
        if layout.VISIBLE not in features:
            raise UserError(f"expected {layout.VISIBLE} beside {layout.TRACKS} in {path}")
    rows = _rows(path, features) if convention is not None else None
    for episode in _episodes(path, info):
        index = int(episode["episode_index"])
        video = None if view is None else _video(path, info, episode, view)
        name = episode.get("kinecast/id") or f"episode_{index:06d}"
        source = {"importer": "lerobot", "episode": index, **json.loads(_text(episode, "source"))}
        caption = ", ".join(task for task in episode.get("tasks") or () if task)
        if rows is None:
            assert video is not None
            yield Untracked(video, caption, name, source)
            continue
        found, columns = next(rows, (None, {}))
        if found != index or len(columns[layout.TRACKS]) != episode["length"]:
            raise UserError(f"expected {episode['length']} frames of episode {index} in {path}")
        tracks = _tracks(columns, episode, convention, video, info, source)
        if video is not None and video.size != tracks.size:  # padded to even sides
            video = cropped(video, Crop((0, 0), tracks.size, tracks.size))
        yield Clip(tracks, video, caption, name)


_POINTS = ("edge", "centre", "unit")
_QUERY = "kinecast/query_frame"


def _view(features: dict[str, Any], options: Options, path: Path) -> str | None:
    views = sorted(name for name, one in features.items() if one.get("dtype") == "video")
    if len(views) < 2 and "view" not in options:
        return views[0] if views else None
    if not views:
        raise UserError(f"expected a video for --assume view={options['view']}, got none in {path}")
    return choice(options, "view", views)


def _episodes(root: Path, info: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What is said of each episode, in order."""
    _, pq = schema.arrow()
    if not info["codebase_version"].startswith("v3."):
        path = root / "meta/episodes.jsonl"
        if not path.is_file():
            raise UserError(f"expected {path} of a LeRobot data set of version 2")
        with path.open(encoding="utf-8") as file:
            yield from (json.loads(line) for line in file if line.strip())
        return
    files = sorted((root / "meta/episodes").rglob("*.parquet"))
    if not files:
        raise UserError(f"expected meta/episodes/*/*.parquet in {root}, got none")
    for path in files:
        file = _parquet(pq, path)
        names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
        for batch in file.iter_batches(64, columns=names):
            yield from batch.to_pylist()


def _rows(root: Path, features: dict[str, Any]) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Episodes in order: (index, columns), each array (T, ...)."""
    _, pq = schema.arrow()
    names = [layout.TRACKS, layout.VISIBLE]
    names += [name for name in (layout.CONFIDENCE, layout.POINTS) if name in features]
    held: list[tuple[int, dict[str, np.ndarray]]] = []
    for path in sorted((root / "data").rglob("*.parquet")):
        file = _parquet(pq, path)
        for batch in file.iter_batches(256, columns=["episode_index", *names]):
            owner = batch.column("episode_index").to_numpy()
            cuts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(owner)]
            for start, stop in pairwise(cuts):
                part = batch.slice(start, stop - start)
                columns = {name: _array(part.column(name), features[name]) for name in names}
                if held and held[-1][0] != owner[start]:
                    yield _joined(held)
                    held = []
                held.append((int(owner[start]), columns))
    if held:
        yield _joined(held)


def _joined(held: list[tuple[int, dict[str, np.ndarray]]]) -> tuple[int, dict[str, np.ndarray]]:
    first = held[0][1]
    return held[0][0], {name: np.concatenate([one[name] for _, one in held]) for name in first}


def _array(column: Any, feature: dict[str, Any]) -> np.ndarray:
    """A column of lists of the feature's shape as (T, ...)."""
    shape = [] if feature["shape"] == [1] else list(feature["shape"])
    flat = column
    while hasattr(flat, "flatten") and flat.type.num_fields == 1:
        flat = flat.flatten()
    values = np.asarray(flat.to_numpy(zero_copy_only=False))
    if len(values) != len(column) * int(np.prod(shape, dtype=np.int64)):
        raise UserError(f"expected {len(column)} x {shape} values, got {len(values)}")
    return values.reshape(len(column), *shape)


def _tracks(
    columns: dict[str, np.ndarray],
    episode: dict[str, Any],
    convention: str | None,
    video: Video | None,
    info: dict[str, Any],
    source: dict[str, Any],
) -> Tracks:
    size = _size(episode, video)
    count = columns[layout.TRACKS].shape[1]
    if layout.POINTS in columns:
        count = int(columns[layout.POINTS].reshape(-1)[0])
    xy = columns[layout.TRACKS][:, :count].astype(np.float64)
    if convention == "centre":
        xy = coords.from_pixel_centres(xy)
    elif convention == "unit":
        xy = from_unit(xy, size)
    visible = np.ascontiguousarray(columns[layout.VISIBLE][:, :count].astype(bool))
    confidence = columns.get(layout.CONFIDENCE)
    if confidence is not None:
        confidence = np.ascontiguousarray(confidence[:, :count], np.float32)
        confidence = confidence if np.isfinite(confidence).all() else None
    query = np.full(count, -1) if (laid_at := episode.get(_QUERY)) is None else np.array(laid_at)
    laid = json.loads(_text(episode, "grid"))
    grid = Grid(laid["h"], laid["w"], laid["stride"], tuple(laid["origin"])) if laid else None
    return Tracks(
        xy=np.ascontiguousarray(xy, np.float32),
        visible=visible & np.isfinite(xy).all(-1),
        size=size,
        query_frame=query.astype(np.int64),
        confidence=confidence,
        fps=float(info["fps"]),
        grid=grid,
        source=source,
    )


def _size(episode: dict[str, Any], video: Video | None) -> Size:
    stated = episode.get("kinecast/size")
    if stated is not None:
        return int(stated[0]), int(stated[1])
    if video is None:
        raise UserError("expected a video that gives the frame of the tracks its size, got none")
    return video.size


def _video(root: Path, info: dict[str, Any], episode: dict[str, Any], view: str) -> Video:
    """The frames of an episode: of a file of its own, or of a part of one (version 3)."""
    index, fps = int(episode["episode_index"]), float(info["fps"])
    if not isinstance(info.get("video_path"), str):
        raise UserError(f"expected video_path in {root / layout.INFO}, got none")
    chunk = index // int(info.get("chunks_size") or layout.CHUNK)
    places: dict[str, int | str] = {
        "video_key": view, "episode_index": index, "episode_chunk": chunk,
    }  # fmt: skip
    first = 0
    if info["codebase_version"].startswith("v3."):
        of = f"videos/{view}/"
        for key in ("chunk_index", "file_index"):
            places[key] = int(episode[of + key])
        first = round(float(episode[of + "from_timestamp"]) * fps)
    video = open_video(layout.path_in(root, info["video_path"], **places))
    return selected(video, range(first, first + int(episode["length"])), fps)


def _text(episode: dict[str, Any], name: str) -> str:
    return episode.get(f"kinecast/{name}") or "{}"


def _parquet(pq: Any, path: Path) -> Any:
    pa, _ = schema.arrow()
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"expected a Parquet file, got {path}: {error}") from error
    for i in range(file.metadata.num_row_groups):
        if not 0 <= file.metadata.row_group(i).total_byte_size <= _LARGEST_EPISODE:
            raise UserError(f"expected row groups of at most {_LARGEST_EPISODE} bytes in {path}")
    return file


IMPORTER = Importer(
    name="lerobot",
    about=(
        "LeRobot data sets of version 2 or 3 (huggingface.co, licence of each its own): with "
        "tracks as `--to lerobot` writes them, or videos that are tracked here"
    ),
    convention=(
        "tracks of ours: x, y in pixels, edge-aligned; of others: stated by --assume points"
    ),
    options=(
        "view=NAME: which of several cameras",
        "points=edge|centre|unit: observation.tracks of others in pixels with centres at +0.5, in "
        "pixels with centres at integers, or in [0, 1] of the frame",
    ),
    read=read,
)
