"""Videos to shards: scan, plan, work, manifest. Killed anywhere and run again, the same bytes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from kinecast.core.errors import UserError
from kinecast.core.extra import optional
from kinecast.data.prepare import plan
from kinecast.data.prepare.clip_work import Task, do_unit
from kinecast.data.prepare.manifest import clip_rows, manifest, restore_records
from kinecast.data.prepare.scan import Scanned, scan_video
from kinecast.data.prepare.seconds import Seconds
from kinecast.data.prepare.settings import Settings
from kinecast.data.prepare.videos import VideoFile
from kinecast.data.prepare.work_folder import (
    CLIPS,
    MANIFEST,
    VIDEOS,
    WorkFolder,
    json_lines,
    read_json,
    read_lines,
)
from kinecast.io.checkpoint import file_hash


class Run(Protocol):
    """Calls a function with many tasks, on one machine or many (`run_local`, `run_ray`)."""

    def __call__(self, do: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        """Results as they come, in any order; a task whose worker dies is tried again."""


Watch = Callable[[str, int, int], None]  # what is going on, done, in all


@dataclass
class Report:
    """What one run did.

    Attributes:
        manifest: of the complete folder.
        seconds: core-seconds by stage, of this run.
        scanned: videos whose hash or shots this run looked at.
        worked: clips that this run worked on; others were there.
    """

    manifest: dict[str, Any] = field(default_factory=dict)
    seconds: Seconds = field(default_factory=Seconds)
    scanned: int = 0
    worked: int = 0


def prepare(
    videos: Sequence[VideoFile], out: Path, settings: Settings, run: Run, watch: Watch
) -> Report:
    """Prepare videos into a folder of shards, or continue where an earlier run ended.

    Which clip goes into which place of which shard is decided by the videos and the settings,
    before any clip is made; so it does not matter who makes it, how often, or when.

    Args:
        videos: from `find_videos`.
        out: a new folder, or one that a run with the same videos and settings began.
        run: where the work is done.
        watch: called as the work proceeds.

    Raises:
        UserError: the folder was begun with other settings or videos, or is being worked on.
        MissingExtraError: pyarrow is not installed.
    """
    optional("pyarrow", "data")
    folder, report = WorkFolder(out.absolute()), Report()
    record = settings.record()
    with folder.begun(record):
        rows, stamps = _inputs(videos, settings, folder, run, watch, report)
        shards = plan.shards(plan.units(rows), settings.shard_clips)
        known = _known(folder, shards, run, watch)
        files = {video.name: video for video in videos}
        tasks = [
            Task(unit, files[unit.video], stamps[unit.video], name, index, len(group))
            for name, group in shards.items()
            if name not in known
            for index, unit in enumerate(group)
        ]
        watch("tracking", 0, len(tasks))
        for done in run(partial(do_unit, settings=settings, folder=folder), tasks):
            report.worked += 1
            report.seconds.add(done.seconds)
            watch("tracking", report.worked, len(tasks))
        report.manifest = _finish(folder, record, rows, shards, known)
    return report


def _inputs(
    videos: Sequence[VideoFile],
    settings: Settings,
    folder: WorkFolder,
    run: Run,
    watch: Watch,
    report: Report,
) -> tuple[list[dict[str, Any]], dict[str, tuple[int, int]]]:
    """Lines of videos.jsonl, made or compared with those that are there; stamps of the files."""
    place = folder.out / VIDEOS
    planned = place.is_file()
    scan = partial(scan_video, settings=settings, folder=folder, scans=not planned)
    scanned: list[Scanned] = []
    what = "hashing" if planned else "scanning"
    watch(what, 0, len(videos))
    for item in run(scan, videos):
        scanned.append(item)
        report.seconds.add(item.seconds)
        watch(what, len(scanned), len(videos))
    report.scanned = len(scanned)
    stamps = {item.video.name: item.stamp for item in scanned}
    if planned:
        rows = read_lines(place)
        _check_inputs(rows, [plan.input_row(item) for item in scanned], folder.out)
        return rows, stamps
    rows = plan.video_rows(scanned)
    folder.write_text(place, json_lines(rows))
    return rows, stamps


def _check_inputs(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], out: Path
) -> None:
    """Refuse to continue with other videos; the message names the first and says what changed."""
    old, new = ({row["video"]: row for row in rows} for rows in (before, now))
    changes = [f"{name} is gone" for name in sorted(old.keys() - new.keys())]
    changes += [f"{name} is new" for name in sorted(new.keys() - old.keys())]
    for name in sorted(old.keys() & new.keys()):
        changes += [
            f"{name} has another {'content' if key == 'sha256' else key}"
            for key in ("sha256", "caption", "licence")
            if old[name][key] != new[name][key]
        ]
    if changes:
        more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
        raise UserError(
            f"expected the videos that {out} was begun with, but {'; '.join(changes[:3])}{more}; "
            "put them back, or choose another --out"
        )


def _known(
    folder: WorkFolder, shards: Mapping[str, Sequence[plan.Unit]], run: Run, watch: Watch
) -> dict[str, dict[str, Any]]:
    """Records of the shards that are done, and whose file is there with the hash it should have."""
    restore_records(folder, shards)
    records: dict[str, dict[str, Any]] = {}
    for name in shards:
        if (place := folder.shard_record(name)).is_file():
            records[name] = read_json(place)
    checks = [(name, folder.shard(name), records[name].get("sha256")) for name in records]
    for done, (name, good) in enumerate(run(_is_whole, checks), start=1):
        if not good:
            folder.shard_record(name).unlink()
            del records[name]
        watch("checking shards", done, len(checks))
    return records


def _is_whole(check: tuple[str, Path, str | None]) -> tuple[str, bool]:
    name, path, sha256 = check
    if sha256 is None:  # no clip of it was kept: there is no file
        return name, True
    return name, path.is_file() and file_hash(path) == sha256


def _finish(
    folder: WorkFolder,
    record: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    shards: Mapping[str, Sequence[plan.Unit]],
    known: Mapping[str, dict[str, Any]],
) -> dict[str, Any]:
    """Write clips.jsonl and the manifest."""
    records = {name: known.get(name) or read_json(folder.shard_record(name)) for name in shards}
    clips = clip_rows(rows, shards, records)
    whole = manifest(record, rows, clips, records)
    folder.write_text(folder.out / CLIPS, json_lines(clips))
    text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
    folder.write_text(folder.out / MANIFEST, text + "\n")
    return whole
