"""ZipMo's evaluation set: `gt_tracks.pt` and the videos of its clips.

gt_tracks.pt is a dictionary, video -> {"tracks": (40, 64, 2)}, points first, (y, x) in [-1, 1], of
every second frame of `original-<video>.mp4`. Source: ZipMo (arXiv 2604.11737), its evaluation.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from kinecast.core import coords
from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.data.importers.base import Importer, Options, whole
from kinecast.data.importers.zipmo import from_yx
from kinecast.io.selected import selected
from kinecast.io.torch_file import load_torch
from kinecast.io.video import open_video

TRACKS_FILE = "gt_tracks.pt"
VIDEO_FOLDER = "pexels"
STEP = 2  # frames of the source between two of a clip
CONVENTION = "tracks are (N, T, 2) in (y, x) of [-1, 1], -1 and 1 at the frame's edges; no flags"


def _read(path: Path, options: Options) -> Iterator[Clip]:
    step = whole(options, "step", STEP)
    file = path / TRACKS_FILE if path.is_dir() else path
    stored = entries(file)
    names = [options["only"]] if "only" in options else list(stored)
    for name in names:
        if name not in stored:
            raise UserError(f"expected the video {name} in {file}, got {len(stored)} others")
        yield _clip(file, str(name), stored[name], step)


def entries(file: Path) -> Mapping[Any, Any]:
    """What gt_tracks.pt holds, by the video's name; tensors are not looked at.

    Raises:
        UserError: not a dictionary, or an empty one, and as `load_torch`.
    """
    content = load_torch(file)
    if not isinstance(content, Mapping) or not content:
        kind = type(content).__name__
        raise UserError(f"expected a dictionary of videos in {file}, got {kind} or an empty one")
    return content


def _clip(file: Path, name: str, value: Any, step: int) -> Clip:
    stored = value.get("tracks") if isinstance(value, Mapping) else None
    if not isinstance(stored, Tensor) or not stored.is_floating_point():
        raise UserError(f"expected a tensor of floats {name}/tracks in {file}, got none")
    if stored.ndim != 3 or stored.shape[2] != 2:
        raise UserError(
            f"expected (points, frames, 2) in {name}/tracks of {file}, got {tuple(stored.shape)}"
        )
    frames = int(stored.shape[1])
    original = open_video(_video(file.parent, name))
    needed = (frames - 1) * step + 1
    if frames < 1 or needed > len(original):
        raise UserError(
            f"expected {needed} frames in {original.name} for {frames} in steps of {step}, "
            f"got {len(original)}"
        )
    fps = None if original.fps is None else original.fps / step
    video = selected(original, range(0, needed, step), fps)
    xy = np.ascontiguousarray(from_yx(stored.detach().numpy(), video.size).swapaxes(0, 1))
    visible = coords.inside(xy, video.size)
    query = np.where(visible[0], 0, -1).astype(np.int64)
    source = {
        "importer": "zipmo-eval", "file": str(file), "video": name, "step": step,
        "convention": CONVENTION, "visible": "inside the frame",
    }  # fmt: skip
    return Clip(
        Tracks(xy, visible, video.size, query, fps=video.fps, source=source), video, "", name
    )


def _video(folder: Path, name: str) -> Path:
    """The video of an entry; the names of entries come from the file and may not leave its folder.

    Raises:
        UserError: there is none, or the name is a path.
    """
    if not name or Path(name).name != name or "\x00" in name:
        raise UserError(f"expected names of videos in {TRACKS_FILE}, got the path {name!r}")
    places = [folder / VIDEO_FOLDER / f"original-{name}.mp4", folder / f"original-{name}.mp4"]
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"expected the video {places[0]} of {TRACKS_FILE}, got none; add it")


IMPORTER = Importer(
    name="zipmo-eval",
    about=(
        "ZipMo's open-set evaluation: 40 moving points of 68 clips, 64 frames. Licence: the "
        "Pexels licence. From the Google Drive folder that ZipMo's README names, or written by "
        "`kinecast build zipmo-open-set`."
    ),
    convention=CONVENTION,
    options=(
        "step=WHOLE NUMBER of source frames between two of a clip, 2",
        "only=NAME: that video alone",
    ),
    read=_read,
)
