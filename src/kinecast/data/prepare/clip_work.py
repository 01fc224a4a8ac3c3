"""One unit of work: decode, track, judge, caption, write; the last of a shard assembles it."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.prepare import attempts
from kinecast.data.prepare.camera_caption import camera_motion
from kinecast.data.prepare.filters import Verdict, survivors_verdict
from kinecast.data.prepare.frames import clip_video, crop_box
from kinecast.data.prepare.plan import Unit
from kinecast.data.prepare.scan import VIDEO_ERRORS, Stamp, stamp
from kinecast.data.prepare.seconds import Seconds
from kinecast.data.prepare.settings import Settings, packages
from kinecast.data.prepare.shard_parts import assemble, is_assembled
from kinecast.data.prepare.videos import VideoFile
from kinecast.data.prepare.work_folder import WorkFolder
from kinecast.data.shards import write_shard
from kinecast.data.trackers import NETWORKS, Tracker, get_tracker
from kinecast.io.video import open_video


@dataclass(frozen=True)
class Task:
    """One unit, and where it belongs.

    Attributes:
        unit: which clip.
        video: its video.
        stamp: of the video's file when it was hashed.
        shard: name of the shard.
        index: of the unit in the shard.
        count: units of the shard.
    """

    unit: Unit
    video: VideoFile
    stamp: Stamp
    shard: str
    index: int
    count: int


@dataclass(frozen=True)
class Done:
    """What a worker says of one unit.

    Attributes:
        task: which.
        seconds: CPU time by stage.
    """

    task: Task
    seconds: dict[str, float]


def do_unit(task: Task, settings: Settings, folder: WorkFolder) -> Done:
    """Make the unit's part, unless it is there; assemble the shard if all parts are.

    Every step can be repeated by anyone: it gives the same bytes in the same place.

    Raises:
        UserError: the video changed since it was hashed, a tracker's weights are missing, this
            machine has other packages, or the folder cannot be written: the run ends, nothing is
            quarantined.
        OSError: the machine's fault, not the video's.
    """
    seconds, record = Seconds(), folder.part(task.shard, task.index)
    about = folder.settings_of(packages())
    if is_assembled(folder, task.shard):
        return Done(task, {})
    if not record.is_file():
        if stamp(task.video) != task.stamp:
            raise UserError(
                f"{task.video.path} changed while it was being prepared; run again once it is whole"
            )
        clip, facts = _attempt(task, settings, folder, seconds)
        with seconds("write"):
            if clip is not None:
                with folder.placing(record.with_suffix(".parquet")) as temporary:
                    write_shard(temporary, [clip], pictures=settings.pictures)
            folder.write_json(record, facts)
    with seconds("write"):
        assemble(folder, task.shard, task.count, about)
    return Done(task, dict(seconds.spent))


def _attempt(
    task: Task, settings: Settings, folder: WorkFolder, seconds: Seconds
) -> tuple[Clip | None, dict[str, Any]]:
    """The clip, or None; and the record of what became of it."""
    facts: dict[str, Any] = {"id": task.unit.id, "outcome": "quarantined", "reason": None}
    tries = folder.attempts(f"clip-{task.unit.id}")
    reason = attempts.given_up(tries)
    if reason is not None:
        return None, facts | {"reason": reason}
    tracker = _tracker(settings)  # missing weights are no fault of the video
    with attempts.attempting(tries):
        try:
            clip, verdict = _make(task, settings, tracker, seconds)
        except VIDEO_ERRORS as error:
            return None, facts | {"reason": f"{type(error).__name__}: {error}"}
    if verdict is not None:
        return None, facts | {"outcome": "rejected", "verdict": verdict.record()}
    return clip, facts | {"outcome": "kept"}


def _make(
    task: Task, settings: Settings, tracker: Tracker, seconds: Seconds
) -> tuple[Clip, Verdict | None]:
    start, stop = task.unit.start, task.unit.start + settings.frames
    with seconds("decode"):
        whole = open_video(task.video.path)
        video = clip_video(whole, start, stop, settings.size)
    with seconds("track"):
        tracks = tracker.track(video, grid=Grid.over(settings.size, settings.stride))
    with seconds("filter"):
        verdict = survivors_verdict(tracks, settings.limits)
    with seconds("caption"):
        camera = camera_motion(tracks)
    source = dict(tracks.source) | {
        "video": task.video.name,
        "sha256": task.unit.sha256,
        "frames": [start, stop],
        "crop": list(crop_box(whole.size, settings.size)),
        "licence": task.video.licence,
        "caption": task.video.caption,
        "camera": camera.record(),
    }
    clip = Clip(
        tracks=replace(tracks, source=source),
        video=video,
        caption=camera.append_to(task.video.caption),
        id=task.unit.id,
    )
    return clip, verdict


def _tracker(settings: Settings) -> Tracker:
    if settings.tracker in NETWORKS:
        return _network(settings.tracker, settings.weights, settings.code, settings.device)
    return get_tracker(settings.tracker)


@cache  # a worker reads the weights once
def _network(name: str, weights: str | None, code: str | None, device: str) -> Tracker:
    return get_tracker(
        name,
        weights=None if weights is None else Path(weights),
        code=None if code is None else Path(code),
        device=device,
    )
