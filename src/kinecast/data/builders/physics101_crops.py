"""Physics101 as WHN uses it: 30 frames cropped to 464x256, a point every 4 pixels.

Source: WHN (arXiv 2509.21592), its Physics101 shards: `{camera,kinect}_frames.npy` and
`trajectories__{camera,kinect}__trajectories.npy` as (h w) t d pixels, 64 x 116 points, the first at
2.5. `kinecast convert --from whn` reads them.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.video import Video
from kinecast.data.builders.base import Builder, Outcome, Report
from kinecast.data.importers.physics101 import trial_videos
from kinecast.data.trackers import Tracker
from kinecast.io.npy import npy_bytes
from kinecast.io.reframed import Crop, cropped
from kinecast.io.selected import selected
from kinecast.io.video import open_video
from kinecast.io.webdataset import sample_key, write_samples

SIZE: Size = (464, 256)
GRID = Grid(64, 116, 4.0, (2.5, 2.5))


@dataclass(frozen=True)
class Settings:
    """What may be chosen.

    Attributes:
        start: first frame of a clip.
        frames: frames a clip, 30 as published.
        step: frames of the source from one to the next.
        view: which videos.
    """

    start: int = 0
    frames: int = 30
    step: int = 1
    view: Literal["camera", "kinect", "both"] = "both"


_Trial = tuple[str, list[tuple[Path, str]]]  # its name; its videos and their views


def build(source: Path, folder: Path, settings: Settings, tracker: Tracker, report: Report) -> None:
    """Write shard_000000.tar, ...: a sample a trial, with each of its views that is long enough."""

    def samples() -> Iterator[tuple[str, Mapping[str, bytes]]]:
        for i, (name, videos) in enumerate(_trials(source, settings.view)):
            parts: dict[str, bytes] = {}
            reasons = []
            for file, view in videos:
                try:
                    parts |= _view(open_video(file), view, settings, tracker)
                except UserError as error:
                    reasons.append(f"{view}: {error}")
            if parts:
                yield sample_key(i, name), parts
            if reasons:
                report(Outcome(name if not parts else f"{name} (one view)", "; ".join(reasons)))
            if parts:
                report(Outcome(name))

    write_samples(folder, samples())


def _trials(source: Path, view: str) -> Iterator[_Trial]:
    """Videos of one trial that have one number, such as Camera_1 and Kinect_RGB_1."""
    found = [
        (("/".join(folders), (re.findall(r"\d+$", file.stem) or [""])[0]), file, kind)
        for file, folders, kind in trial_videos(source, view)
    ]
    found.sort(key=lambda video: (video[0], video[2], video[1].name))
    for (folders, number), group in itertools.groupby(found, key=lambda video: video[0]):
        videos = [(file, kind) for _, file, kind in group]
        kinds = [kind for _, kind in videos]
        if len(set(kinds)) < len(kinds):
            raise UserError(
                f"expected one {kinds[0]} video numbered {number or 'nothing'} in {folders}, "
                f"got {', '.join(file.name for file, _ in videos)}"
            )
        yield f"{folders}/{number}" if number else folders, videos


def _view(video: Video, view: str, settings: Settings, tracker: Tracker) -> dict[str, bytes]:
    """Frames and tracks of a view.

    Raises:
        UserError: the video is too short.
    """
    stop = settings.start + settings.frames * settings.step
    places = range(settings.start, stop, settings.step) if settings.step else range(0)
    if not places or places[-1] >= len(video):
        raise UserError(
            f"expected frames {settings.start} to {places[-1] if places else 'none'} "
            f"(start, frames, step), got {len(video)} frames"
        )
    fps = None if video.fps is None else video.fps / settings.step
    small = cropped(selected(video, places, fps), Crop.to(video.size, SIZE))
    tracks = tracker.track(small, grid=GRID)
    points_first = np.ascontiguousarray(tracks.xy.transpose(1, 0, 2))
    return {
        f"{view}_frames.npy": npy_bytes(small[:]),
        f"trajectories__{view}__trajectories.npy": npy_bytes(points_first),
    }


BUILDER = Builder(
    name="physics101-crops",
    about="WHN's Physics101 clips: 30 frames of 464x256, 64 x 116 points, in WHN's shards",
    needs="Physics 101's folder of scenarios",
    settings=Settings(),
    build=build,
)
