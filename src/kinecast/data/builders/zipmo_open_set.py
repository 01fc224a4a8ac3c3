"""ZipMo's open-set evaluation from raw videos: 40 moving points, every second frame, 64 of them.

Source: ZipMo (arXiv 2604.11737): gt_tracks.pt with (40, 64, 2) in (y, x) of [-1, 1] a video, beside
pexels/original-NAME.mp4; its own filter keeps videos most of whose points rest (a fixed camera).
How the 40 were chosen is not published; here: seen in the first frame, followed with certainty to
the end, and at some time `moved` of the diagonal away from the start; 40 of these by a seeded draw.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.builders.base import Builder, RawVideo, Report, each_kept, raw_videos
from kinecast.data.importers.zipmo import CERTAIN, FRAMES, NOMINAL_FPS, to_yx
from kinecast.data.importers.zipmo_eval import STEP, TRACKS_FILE, VIDEO_FOLDER
from kinecast.data.trackers import Tracker
from kinecast.io.selected import selected
from kinecast.io.video import open_video, write_video

POINTS = 40
_LAID = 1024  # points followed, about as many as ZipMo's own pipeline lays
_STILL_STEP, _STILL_SHARE = 0.01, 0.95  # ZipMo: a point rests that moves less in so many steps


@dataclass(frozen=True)
class Settings:
    """What may be chosen.

    Attributes:
        seed: of the draw of 40 points.
        moved: how far from its start a point must come, as a share of the frame's diagonal.
        camera: "fixed" drops videos fewer than half of whose points rest, "any" keeps them.
    """

    seed: int = 0
    moved: float = 0.05
    camera: Literal["fixed", "any"] = "fixed"


def build(source: Path, folder: Path, settings: Settings, tracker: Tracker, report: Report) -> None:
    """Write gt_tracks.pt and pexels/original-NAME.mp4."""
    (folder / VIDEO_FOLDER).mkdir()
    entries: dict[str, dict[str, torch.Tensor]] = {}

    def clip(raw: RawVideo) -> tuple[Video, torch.Tensor]:
        video = open_video(raw.file)
        return video, points_of(video, settings, tracker)

    for raw, (video, tracks) in each_kept(raw_videos(source), clip, report):
        entries[raw.name] = {"tracks": tracks}
        target = folder / VIDEO_FOLDER / f"original-{raw.name}.mp4"
        if raw.file.suffix.lower() == ".mp4":
            shutil.copyfile(raw.file, target)
        else:
            frames = (frame for window in video.windows(16) for frame in window)
            write_video(target, frames, video.fps or NOMINAL_FPS, video.size, 18, constant=True)
    torch.save(entries, folder / TRACKS_FILE)


def points_of(video: Video, settings: Settings, tracker: Tracker) -> torch.Tensor:
    """40 moving points of every second frame, (40, 64, 2) in (y, x) of [-1, 1].

    Raises:
        UserError: the video is too short, its camera moves, or too few points do.
    """
    needed = (FRAMES - 1) * STEP + 1
    if len(video) < needed:
        raise UserError(f"expected {needed} frames or more, got {len(video)}")
    fps = None if video.fps is None else video.fps / STEP
    W, H = video.size
    stride = max(1.0, (W * H / _LAID) ** 0.5)
    tracks = tracker.track(
        selected(video, range(0, needed, STEP), fps), grid=Grid.over(video.size, stride)
    )
    resting = float(still(tracks).mean())
    if settings.camera == "fixed" and resting <= 0.5:
        raise UserError(
            f"expected a fixed camera, got {100 * resting:.0f} % of the points at rest "
            "(camera=any takes it)"
        )
    sure = tracks.visible if tracks.confidence is None else tracks.confidence > CERTAIN
    away = np.linalg.norm(tracks.xy - tracks.xy[0], axis=-1).max(0)
    moving = away >= settings.moved * coords.diagonal(video.size)
    found = np.flatnonzero(moving & sure.all(0) & tracks.visible[0])
    if len(found) < POINTS:
        raise UserError(
            f"expected {POINTS} points that move at least {settings.moved:g} of the diagonal and "
            f"are followed to the end, got {len(found)} of {tracks.count}"
        )
    draw = np.random.default_rng(settings.seed)
    chosen = np.sort(draw.choice(found, POINTS, replace=False))
    return torch.from_numpy(to_yx(tracks.xy[:, chosen], video.size).swapaxes(0, 1).copy())


def still(tracks: Tracks) -> Bool[np.ndarray, " n"]:
    """Which points rest by ZipMo's test: half the normalised step below 0.01 in 95 % of steps."""
    steps = coords.displacement_to_normalised(np.diff(tracks.xy, axis=0), tracks.size) / 2
    small = np.linalg.norm(steps, axis=-1) < _STILL_STEP
    return np.asarray(small.mean(0) > _STILL_SHARE)


BUILDER = Builder(
    name="zipmo-open-set",
    about="ZipMo's evaluation set: 40 moving points of 64 frames, gt_tracks.pt beside the videos",
    needs="a folder of videos of 24 to 30 frames a second",
    settings=Settings(),
    build=build,
)
