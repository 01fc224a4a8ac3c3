"""LeRobot's dataset layout: names, features and paths that its writer and reader share.

Written as version 3.0 (many episodes a file); versions 2.0, 2.1 and 3.0 are read. Source: the
LeRobotDataset documentation of Hugging Face's LeRobot.

Tracks are features of every frame, of one shape in the whole data set as LeRobot wants it: clips
with fewer points than the largest are padded, and `observation.points` says how many are real.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinecast.core.errors import UserError

VERSION = "v3.0"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
CHUNK = 1000  # files in a folder

TRACKS, VISIBLE, CONFIDENCE = "observation.tracks", "observation.visible", "observation.confidence"
POINTS = "observation.points"
VIEW = "observation.images.view"
CONVENTION = "xy, pixels of the frame, edge-aligned: pixel centres at +0.5"
# Columns of the episodes that only we read: what LeRobot has no place for.
OWN = ("kinecast/id", "kinecast/size", "kinecast/query_frame", "kinecast/grid", "kinecast/source")

_LARGEST_JSON = 64 * 2**20
_PLACE = re.compile(r"\{(\w+)(?::0(\d)d)?\}")


def features(points: int, confidence: bool, video: Mapping[str, Any] | None) -> dict[str, Any]:
    """The features of a data set of N points, as meta/info.json lists them."""
    own: dict[str, Any] = {
        TRACKS: {
            "dtype": "float32", "shape": [points, 2], "names": ["point", "xy"],
            "info": {"convention": CONVENTION},
        },
        VISIBLE: {"dtype": "bool", "shape": [points], "names": ["point"]},
        POINTS: {"dtype": "int64", "shape": [1], "names": None},
    }  # fmt: skip
    if confidence:
        own[CONFIDENCE] = {"dtype": "float32", "shape": [points], "names": ["point"]}
    if video is not None:
        own[VIEW] = dict(video)
    own["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    for name in ("frame_index", "episode_index", "index", "task_index"):
        own[name] = {"dtype": "int64", "shape": [1], "names": None}
    return own


def video_feature(size: tuple[int, int], fps: float) -> dict[str, Any]:
    """The feature of an H.264 video of (W, H) pixels."""
    return {
        "dtype": "video",
        "shape": [size[1], size[0], 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": size[1], "video.width": size[0], "video.codec": "h264",
            "video.pix_fmt": "yuv420p", "video.is_depth_map": False, "video.fps": fps,
            "video.channels": 3, "has_audio": False,
        },
    }  # fmt: skip


def read_info(root: Path) -> dict[str, Any]:
    """meta/info.json.

    Raises:
        UserError: no such file, or of a version that is not known.
    """
    path = root / INFO
    if not path.is_file():
        raise UserError(f"expected a LeRobot data set with {INFO}, got {root}; check the path")
    info = read_json(path)
    version = str(info.get("codebase_version"))
    if not version.startswith(("v2.", "v3.")):
        raise UserError(f"expected LeRobot version 2.0, 2.1 or 3.0, got {version} in {path}")
    for key in ("features", "fps", "data_path"):
        if key not in info:
            raise UserError(f"expected {key!r} in {path}, got {sorted(info)}")
    return info


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a file.

    Raises:
        UserError: too large, or not one.
    """
    if path.stat().st_size > _LARGEST_JSON:
        raise UserError(f"expected at most {_LARGEST_JSON} bytes of JSON, got more: {path}")
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise UserError(f"expected JSON in {path}: {error}") from error
    if not isinstance(value, dict):
        raise UserError(f"expected a JSON object in {path}, got a {type(value).__name__}")
    return value


def path_in(root: Path, template: str, **places: int | str) -> Path:
    """A file by a template of meta/info.json, inside the data set.

    Raises:
        UserError: it leaves the folder, or the template has an unknown place.
    """

    def filled(match: re.Match[str]) -> str:
        name, width = match.groups()
        if name not in places:
            raise UserError(f"expected a path of {', '.join(places)}, got {template!r}")
        return str(places[name]).zfill(int(width or 0))

    path = root / _PLACE.sub(filled, template)
    if not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"expected a path inside {root}, got {template!r}")
    return path
