"""Clips as plain files: a track file each, its video beside it, captions in one table."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.video import Video
from kinecast.data.exporters.base import Exporter
from kinecast.io.tracks_file import save_tracks
from kinecast.io.video import write_video

FPS = 25.0  # of the mp4, where a video does not say its rate
_WINDOW = 16  # frames in memory at once


def write(clips: Iterator[Clip], folder: Path, source: str) -> None:
    """Writes ID.npz and ID.mp4 (if there is a video), and captions.jsonl (if there are captions).

    A mp4 is lossy and for looking; the tracks are as they are.
    """
    captions = folder / "captions.jsonl"
    for clip in clips:
        save_tracks(folder / f"{clip.id}.npz", clip.tracks)
        if clip.video is not None:
            video = clip.video
            write_video(folder / f"{clip.id}.mp4", _frames(video), video.fps or FPS, video.size)
        if clip.caption:
            with captions.open("a", encoding="utf-8") as file:
                row = {"file": f"{clip.id}.mp4", "caption": clip.caption}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _frames(video: Video) -> Iterator[np.ndarray]:
    for window in video.windows(_WINDOW):
        yield from window


EXPORTER = Exporter(
    name="files",
    about="a track file (.npz) a clip, its video (.mp4), and captions.jsonl",
    convention="Kinecast's: x, y in pixels of the frame, edge-aligned",
    write=write,
)
