"""Clips as a LeRobot data set (version 3.0): tracks as features, videos, captions as tasks.

LeRobot fixes the shape of a feature for the whole data set and lists it before the first episode,
while clips come one at a time: so tracks pass through a temporary shard, and are padded to the
largest clip when their number is known.
"""

import json
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data import lerobot as layout
from kinecast.data.exporters.base import Exporter
from kinecast.data.exporters.lerobot_stats import Stats
from kinecast.data.shards import Shard, open_shard, schema, write_shard
from kinecast.io.npz import json_text
from kinecast.io.video import write_video

_DATA_BYTES = 100 * 2**20  # of a data file before it is compressed
_CRF = 18  # of the videos: visually lossless
_AT_ONCE = 8  # frames


def write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    """Write meta/, data/ and, where the clips have videos, videos/.

    Raises:
        UserError: clips of several sizes or frame rates, without a frame rate, or only some of
            them with a video: LeRobot has one of each for a data set.
    """
    first = next(clips, None)
    if first is None:
        raise UserError("expected clips to write, got none")
    stats = Stats()
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "tracks.parquet"
        checked = _with_videos(chain([first], clips), first, folder, stats)
        write_shard(path, checked, pictures="none")
        _write_episodes(open_shard(path), first, folder, stats)


def _with_videos(clips: Iterator[Clip], first: Clip, folder: Path, stats: Stats) -> Iterator[Clip]:
    """The clips, each checked against the first, its video written as the file of its episode."""
    for episode, clip in enumerate(clips):
        tracks, like = clip.tracks, first.tracks
        if tracks.fps is None:
            raise UserError(f"expected clips with a frame rate, got {clip.id} without")
        got = (tracks.size, tracks.fps, clip.video is not None)
        wanted = (like.size, like.fps, first.video is not None)
        if got != wanted:
            raise UserError(
                "expected clips of one size and frame rate, all with a video or none, for "
                f"LeRobot, got {wanted} and {got} in {clip.id}; export them apart"
            )
        if clip.video is not None:
            path = layout.path_in(folder, layout.VIDEOS, video_key=layout.VIEW, **_file(episode))
            frames = _frames(clip.video, stats)
            write_video(path, frames, tracks.fps, tracks.size, crf=_CRF)
        yield clip


def _frames(video: Video, stats: Stats) -> Iterator[np.ndarray]:
    for part in video.windows(_AT_ONCE):
        stats.add_pictures(layout.VIEW, part[:1])
        yield from part


def _write_episodes(shard: Shard, first: Clip, folder: Path, stats: Stats) -> None:
    pa, pq = schema.arrow()
    points = max(1, max(shard[i].tracks.count for i in range(len(shard))))
    confidence = any(shard[i].tracks.confidence is not None for i in range(len(shard)))
    fps = first.tracks.fps
    assert fps is not None  # checked with the videos
    size = tuple(side + side % 2 for side in first.tracks.size)  # as H.264 wants it
    video = layout.video_feature((size[0], size[1]), fps) if first.video is not None else None
    features = layout.features(points, confidence, video)
    tasks: dict[str, int] = {}
    files = _DataFiles(folder)
    episodes: list[dict[str, Any]] = []
    start = 0
    for episode, clip in enumerate(shard):
        task = tasks.setdefault(clip.caption, len(tasks))
        rows = _rows(clip.tracks, points, confidence, fps)
        T = len(clip.tracks)
        rows |= {
            "episode_index": np.full(T, episode, np.int64),
            "index": np.arange(start, start + T),
            "task_index": np.full(T, task, np.int64),
        }
        seen = {layout.TRACKS: rows[layout.VISIBLE][..., None]}
        for name, values in rows.items():
            stats.add(name, values, seen.get(name))
        place = files.add(_table(pa, rows))
        row = _episode(episode, clip, place, start)
        if video is not None:
            row |= {f"videos/{layout.VIEW}/{key}": n for key, n in _file(episode).items()}
            row |= {
                f"videos/{layout.VIEW}/from_timestamp": 0.0,
                f"videos/{layout.VIEW}/to_timestamp": T / fps,
            }
        episodes.append(row)
        start += T
    files.close()
    path = layout.path_in(folder, layout.EPISODES, **_file(0))
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(episodes), path)
    pq.write_table(_tasks(pa, tasks), folder / layout.TASKS)
    (folder / layout.STATS).write_text(json.dumps(stats.record(), indent=1) + "\n")
    info = {
        "codebase_version": layout.VERSION,
        "robot_type": None,
        "total_episodes": len(episodes),
        "total_frames": start,
        "total_tasks": len(tasks),
        "chunks_size": layout.CHUNK,
        "data_files_size_in_mb": _DATA_BYTES // 2**20,
        "video_files_size_in_mb": 200,
        "fps": int(fps) if fps == int(fps) else fps,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": layout.DATA,
        "video_path": layout.VIDEOS if video is not None else None,
        "features": features,
    }
    (folder / layout.INFO).write_text(json.dumps(info, indent=1) + "\n")


def _rows(tracks: Tracks, points: int, confidence: bool, fps: float) -> dict[str, np.ndarray]:
    """The columns of an episode, padded to `points` points."""
    T, N = tracks.visible.shape
    xy = np.zeros((T, points, 2), np.float32)
    visible = np.zeros((T, points), bool)
    xy[:, :N], visible[:, :N] = tracks.xy, tracks.visible
    rows = {
        layout.TRACKS: xy,
        layout.VISIBLE: visible,
        layout.POINTS: np.full(T, N, np.int64),
        "timestamp": (np.arange(T) / fps).astype(np.float32),
        "frame_index": np.arange(T),
    }
    if confidence:
        rows[layout.CONFIDENCE] = np.full((T, points), np.nan, np.float32)
        if tracks.confidence is not None:
            rows[layout.CONFIDENCE][:, :N] = tracks.confidence
    return rows


def _episode(episode: int, clip: Clip, place: dict[str, int], start: int) -> dict[str, Any]:
    tracks, grid = clip.tracks, clip.tracks.grid
    laid = {} if grid is None else {
        "h": grid.h, "w": grid.w, "stride": grid.stride, "origin": list(grid.origin),
    }  # fmt: skip
    own = (
        clip.id, list(tracks.size), tracks.query_frame.tolist(), json_text(laid),
        json_text(tracks.source),
    )  # fmt: skip
    return {
        "episode_index": episode,
        "tasks": [clip.caption],
        "length": len(tracks),
        **{f"data/{key}": n for key, n in place.items()},
        "dataset_from_index": start,
        "dataset_to_index": start + len(tracks),
        **{f"meta/episodes/{key}": n for key, n in _file(0).items()},
        **dict(zip(layout.OWN, own, strict=True)),
    }


class _DataFiles:
    """data/chunk-000/file-000.parquet and on: a row group an episode, files of about 100 MB."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number, self._bytes = folder, -1, 0
        self._writer: Any = None

    def add(self, table: Any) -> dict[str, int]:
        """Write an episode; returns where."""
        _, pq = schema.arrow()
        if self._writer is None or self._bytes + table.nbytes > _DATA_BYTES:
            self.close()
            self._number, self._bytes = self._number + 1, 0
            path = layout.path_in(self._folder, layout.DATA, **_file(self._number))
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, table.schema, compression="zstd")
        self._writer.write_table(table)
        self._bytes += table.nbytes
        return _file(self._number)

    def close(self) -> None:
        """End the file that is open."""
        if self._writer is not None:
            self._writer.close()


def _file(number: int) -> dict[str, int]:
    return {"chunk_index": number // layout.CHUNK, "file_index": number % layout.CHUNK}


def _table(pa: Any, rows: dict[str, np.ndarray]) -> Any:
    """Columns of arrays (T, ...): lists of as many levels as LeRobot stores them in."""

    def column(values: np.ndarray) -> Any:
        flat = pa.array(values.ravel())
        for length in values.shape[:0:-1]:
            offsets = pa.array(np.arange(0, len(flat) + 1, length, dtype=np.int32))
            flat = pa.ListArray.from_arrays(offsets, flat)
        return flat

    return pa.table({name: column(values) for name, values in rows.items()})


def _tasks(pa: Any, tasks: dict[str, int]) -> Any:
    """The table of tasks as pandas stores it: the text is the index."""
    index = "__index_level_0__"
    table = pa.table({"task_index": pa.array(list(tasks.values()), pa.int64()), index: list(tasks)})
    columns = [("task_index", "task_index", "int64", "int64"), (None, index, "unicode", "object")]
    pandas = {
        "index_columns": [index],
        "column_indexes": [],
        "columns": [
            {"name": name, "field_name": field, "pandas_type": kind, "numpy_type": numpy,
             "metadata": None}
            for name, field, kind, numpy in columns
        ],
        "pandas_version": "2.2.0",
    }  # fmt: skip
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


EXPORTER = Exporter(
    name="lerobot",
    about="a LeRobot data set, version 3.0: tracks as features, H.264 videos, captions as tasks",
    convention="Kinecast's: x, y in pixels of the frame, edge-aligned, to 1/1024 pixel",
    write=write,
)
