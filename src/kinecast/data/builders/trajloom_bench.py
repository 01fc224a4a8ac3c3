"""TrajLoomBench from raw videos: 162 frames at 832x480, 390 points laid in the first frame.

Source: TrajLoom (arXiv 2603.22606), its evaluation set and the layout of TrajLoomDatasets: a grid
of 15 x 26 points at the top-left pixel of each 32-pixel cell, row by row, tracked from the first
frame; videos shorter than 162 frames are dropped, of longer ones the first 162 frames are kept.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kinecast.core import coords
from kinecast.core.coords import REFERENCE_SIZE
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.builders.base import Builder, RawVideo, Report, each_kept, raw_videos
from kinecast.data.trackers import Tracker
from kinecast.io.reframed import Crop, cropped
from kinecast.io.selected import selected
from kinecast.io.video import open_video, write_video

FRAMES = 162
GRID = Grid(15, 26, 32.0, (0.5, 0.5))  # top-left pixels of the cells, as centres of pixels
NOMINAL_FPS = 30.0  # of the video file, where the source states none
_QUANTISER = 18  # of H.264: hardly a difference to be seen


@dataclass(frozen=True)
class Settings:
    """What may be chosen.

    Attributes:
        cut: largest share of the frame that cropping to 832:480 may cut off: 16:9 loses 2.5 %.
        upscale: take videos smaller than 832x480 too.
    """

    cut: float = 0.15
    upscale: bool = False


def build(source: Path, folder: Path, settings: Settings, tracker: Tracker, report: Report) -> None:
    """Write videos/NAME.mp4, tracks/NAME.npz, captions.csv, query_xy.npy and grid_idx.npy."""
    (folder / "videos").mkdir()
    (folder / "tracks").mkdir()
    with (folder / "captions.csv").open("w", newline="", encoding="utf-8") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["videoid", "video_path", "text"])

        def clip(raw: RawVideo) -> tuple[Video, Tracks]:
            video = prepared(open_video(raw.file), settings)
            return video, tracker.track(video, grid=GRID)

        for raw, (video, tracks) in each_kept(raw_videos(source), clip, report):
            place = f"videos/{raw.name}.mp4"
            frames = (frame for window in video.windows(16) for frame in window)
            fps = video.fps or NOMINAL_FPS
            write_video(folder / place, frames, fps, video.size, _QUANTISER, constant=True)
            _write_tracks(folder / "tracks" / f"{raw.name}.npz", tracks)
            rows.writerow([raw.name, place, raw.caption])
    query = query_pixels()
    np.save(folder / "query_xy.npy", query)
    np.save(folder / "grid_idx.npy", query[:, 1] * REFERENCE_SIZE[0] + query[:, 0])


def prepared(video: Video, settings: Settings) -> Video:
    """The first 162 frames, cropped about their middle to 832x480.

    Raises:
        UserError: the video is too short, too small, or of another shape.
    """
    W, H = REFERENCE_SIZE
    if len(video) < FRAMES:
        raise UserError(f"expected {FRAMES} frames or more, got {len(video)}")
    crop = Crop.to(video.size, REFERENCE_SIZE)
    size = f"{video.size[0]}x{video.size[1]}"
    if crop.lost(video.size) > settings.cut:
        raise UserError(
            f"expected about the shape of {W}x{H}, got {size}: cropping would cut off "
            f"{100 * crop.lost(video.size):.0f} % of it (cut={settings.cut:g})"
        )
    if crop.scale > 1 and not settings.upscale:
        raise UserError(f"expected at least {W}x{H}, got {size} (upscale=true takes it)")
    return cropped(selected(video, range(FRAMES), video.fps), crop)


def query_pixels() -> np.ndarray:
    """(N, 2) int64: the pixel (x, y) each point starts in."""
    points = GRID.points().reshape(-1, 2)
    return coords.to_pixel_centres(points).astype(np.int64)


def _write_tracks(path: Path, tracks: Tracks) -> None:
    """The published arrays, points first; integers are pixel centres there."""
    xy = coords.to_pixel_centres(tracks.xy).transpose(1, 0, 2)
    np.savez_compressed(
        path, trajectory=np.ascontiguousarray(xy), visibility=np.ascontiguousarray(tracks.visible.T)
    )


BUILDER = Builder(
    name="trajloom-bench",
    about=(
        f"TrajLoomBench: {FRAMES} frames at 832x480, a grid of stride 32 from the first frame, "
        "in the layout of TrajLoomDatasets"
    ),
    needs="a folder of videos",
    settings=Settings(),
    build=build,
)
