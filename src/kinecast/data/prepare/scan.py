"""A first look at one video: its hash, whether all of it decodes, its shots and their motion."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.video import Video
from kinecast.data.prepare import attempts
from kinecast.data.prepare.cuts import Motion, cuts, measure
from kinecast.data.prepare.filters import motion_verdict, shape_verdict, shot_verdict
from kinecast.data.prepare.seconds import Seconds
from kinecast.data.prepare.settings import Settings, packages
from kinecast.data.prepare.videos import VideoFile
from kinecast.data.prepare.work_folder import WorkFolder, read_json
from kinecast.io.checkpoint import file_hash
from kinecast.io.video import open_video

_WINDOW = 64 << 20  # bytes of frames decoded at a time, or one frame

# What a damaged or strange video makes decoders, OpenCV and our own checks raise.
VIDEO_ERRORS = (
    UserError, av.FFmpegError, cv2.error, ValueError, IndexError, ArithmeticError, MemoryError,
)  # fmt: skip

Stamp = tuple[int, int]  # size and time of change: cheap to compare while the work is on


@dataclass(frozen=True)
class Scanned:
    """What a worker says of one video.

    Attributes:
        video: which.
        stamp: of the file when it was hashed.
        sha256: of the file.
        found: the scan's record, or None when only the hash was asked for.
        seconds: CPU time by stage.
    """

    video: VideoFile
    stamp: Stamp
    sha256: str
    found: dict[str, Any] | None
    seconds: dict[str, float]


def stamp(video: VideoFile) -> Stamp:
    """Of the file as it is now."""
    facts = video.path.stat()
    return facts.st_size, facts.st_mtime_ns


def scan_video(video: VideoFile, settings: Settings, folder: WorkFolder, scans: bool) -> Scanned:
    """Hash a video and, unless the plan exists already, scan it.

    The record depends on the file's content and the settings alone; it is kept under the hash, so
    that no video is scanned twice.

    Raises:
        UserError: this machine has other packages than the run began with.
        OSError: the file cannot be read: that is the machine's fault, not the video's.
    """
    folder.settings_of(packages())
    seconds, at = Seconds(), stamp(video)
    with seconds("hash"):
        sha256 = file_hash(video.path)
    if not scans:
        return Scanned(video, at, sha256, None, dict(seconds.spent))
    place = folder.scan(sha256)
    if place.is_file():
        return Scanned(video, at, sha256, read_json(place), dict(seconds.spent))
    tries = folder.attempts(f"scan-{sha256}")
    reason = attempts.given_up(tries)
    if reason is not None:
        found: dict[str, Any] = {"bad": reason}
    else:
        with attempts.attempting(tries):
            found = _look(video, settings, seconds)
    folder.write_json(place, found)
    return Scanned(video, at, sha256, found, dict(seconds.spent))


def _look(file: VideoFile, settings: Settings, seconds: Seconds) -> dict[str, Any]:
    """The record of a video, or why it is bad."""
    try:
        with seconds("decode"):
            video = open_video(file.path)
        if video.warnings:
            return {"bad": _plain("; ".join(video.warnings), file)}
        facts = {
            "bad": None,
            "frames": len(video),
            "size": list(video.size),
            "fps": video.fps,
            "cuts": [],
            "clips": [],
        }
        verdict = shape_verdict(
            video.size, len(video), settings.size, settings.frames, settings.limits
        )
        if verdict is not None:
            return facts | {"verdict": verdict.record()}
        motion = _measure(video, seconds)
        if video.warnings:  # of frames that did not decode
            return {"bad": _plain("; ".join(video.warnings), file)}
        starts = cuts(motion)
        return facts | {
            "verdict": None,
            "cuts": starts,
            "clips": clips_between(starts, len(video), motion, settings),
        }
    except VIDEO_ERRORS as error:
        return {"bad": _plain(str(error), file) or type(error).__name__}


def _measure(video: Video, seconds: Seconds) -> Motion:
    W, H = video.size
    length = max(1, _WINDOW // (3 * W * H))

    def windows() -> Iterator[np.ndarray]:
        for at in range(0, len(video), length):
            with seconds("decode"):
                window = video[at : at + length]
            yield window

    before = seconds.spent["decode"]
    with seconds("filter"):
        motion = measure(windows())
    seconds.spent["filter"] -= seconds.spent["decode"] - before  # decoding happened within
    return motion


def clips_between(
    starts: list[int], length: int, motion: Motion, settings: Settings
) -> list[dict[str, Any]]:
    """Windows of `settings.frames` frames, one after the other from the start of each shot.

    Each has its verdict; a shot too short for one is there with its own.
    """
    T, rows = settings.frames, []
    for begin, end in zip([0, *starts], [*starts, length], strict=True):
        short = shot_verdict(end - begin, T)
        if short is not None:
            rows.append({"start": begin, "verdict": short.record()})
        for start in range(begin, end - T + 1, T):
            pairs = slice(start + 1, start + T)
            verdict = motion_verdict(motion.fastest[pairs], motion.global_[pairs], settings.limits)
            rows.append({"start": start, "verdict": verdict and verdict.record()})
    return rows


def _plain(message: str, file: VideoFile) -> str:
    """A message that does not depend on where the file lies or what it is called."""
    for name in (str(file.path), file.path.name):
        message = message.replace(f": {name}", "").replace(name, "the file")
    return message
