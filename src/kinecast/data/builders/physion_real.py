"""Real videos at Physion's setting: 30 frames of 256x256, a point every 4 pixels.

Source: WHN (arXiv 2509.21592), section A.3 and its Physion shards: `frames.npy` and
`trajectories__trajectories.npy` as (h w) t d pixels, 64 x 64 points, the first at 2.5. The authors
filmed their own scenes; `kinecast convert --from whn` reads what is written here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.builders.base import Builder, RawVideo, Report, each_kept, raw_videos
from kinecast.data.trackers import Tracker
from kinecast.io.npy import npy_bytes
from kinecast.io.reframed import Crop, cropped
from kinecast.io.selected import selected
from kinecast.io.video import open_video
from kinecast.io.webdataset import sample_key, write_samples

SIZE: Size = (256, 256)
GRID = Grid(64, 64, 4.0, (2.5, 2.5))


@dataclass(frozen=True)
class Settings:
    """What may be chosen.

    Attributes:
        start: first frame of a clip.
        frames: frames a clip, 30 as published.
        step: frames of the source from one to the next.
    """

    start: int = 0
    frames: int = 30
    step: int = 1


def build(source: Path, folder: Path, settings: Settings, tracker: Tracker, report: Report) -> None:
    """Write shard_000000.tar, ...: a sample a video, cropped to a square about its middle."""

    def parts(raw: RawVideo) -> Mapping[str, bytes]:
        video = open_video(raw.file)
        stop = settings.start + settings.frames * settings.step
        places = range(settings.start, stop, settings.step) if settings.step else range(0)
        if not places or places[-1] >= len(video):
            raise UserError(f"expected {stop} frames (start, frames, step), got {len(video)}")
        fps = None if video.fps is None else video.fps / settings.step
        small = cropped(selected(video, places, fps), Crop.to(video.size, SIZE))
        tracks = tracker.track(small, grid=GRID)
        points_first = np.ascontiguousarray(tracks.xy.transpose(1, 0, 2))
        return {
            "frames.npy": npy_bytes(small[:]),
            "trajectories__trajectories.npy": npy_bytes(points_first),
        }

    def samples() -> Iterator[tuple[str, Mapping[str, bytes]]]:
        for i, (raw, made) in enumerate(each_kept(raw_videos(source), parts, report)):
            yield sample_key(i, raw.name), made

    write_samples(folder, samples())


BUILDER = Builder(
    name="physion-real",
    about="real videos at Physion's setting: 30 frames of 256x256, 64 x 64 points, in WHN's shards",
    needs="a folder of videos",
    settings=Settings(),
    build=build,
)
