"""`kinecast prepare`: raw videos to shards of tracked clips."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kinecast.cli.progress import say
from kinecast.cli.sizes import parse_size
from kinecast.core.errors import UserError
from kinecast.data.prepare import Limits, Report, Settings, prepare
from kinecast.data.prepare.cluster import run_ray
from kinecast.data.prepare.local import run_local
from kinecast.data.prepare.pipeline import Watch
from kinecast.data.prepare.videos import find_videos

_EVERY = 1.0  # seconds between lines for machines
_EVERY_PLAIN = 15.0  # ... and for log files
_NOTHING_KEPT = 1  # exit status


def prepare_videos(
    videos: Annotated[list[Path], tyro.conf.Positional],
    /,
    *,
    out: Path,
    frames: int = 162,
    stride: float = 32.0,
    size: str = "832x480",
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "cpu",
    captions: Path | None = None,
    licence: str = "",
    pictures: Literal["none", "first", "all"] = "first",
    shard_clips: int = 64,
    limits: Annotated[Limits, tyro.conf.OmitArgPrefixes] = Limits(),
    local: bool = False,
    ray: str | None = None,
    workers: int | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Cut videos into clips, track them and write shards, a list of clips and a manifest.

    Stopped or killed at any moment, the same command goes on where it was and ends with the same
    bytes. A video that cannot be used is listed in the manifest with the reason.

    Args:
        videos: video files, and folders of them.
        out: a new folder, or one that the same command began.
        frames: of a clip; clips lie one after the other between cuts.
        stride: pixels between points.
        size: WxH of a clip in pixels; what does not fit its shape is cropped off.
        tracker: flow, or another of docs/tracking.md.
        weights, code: of a published tracker: its weights file and the folder of its clone.
        device: that a published tracker runs on.
        captions: a table of captions (.csv or .jsonl); else clip.txt beside clip.mp4.
        licence: of videos that have no "licence" in clip.json beside clip.mp4.
        pictures: frames to keep in the shards.
        shard_clips: clips of one shard before filters.
        limits: of the filters.
        local: work on this machine (the default).
        ray: work on the Ray cluster at this address; auto finds it, local starts one here.
        workers: at most so many at once; by default one for each core.
        json_: print JSON lines: progress, and the result as the last one.
    """
    if local and ray is not None:
        raise UserError("expected --local or --ray ADDRESS, got both")
    if workers is not None and workers < 1:
        raise UserError(f"expected --workers of 1 or more, got {workers}")
    settings = Settings(
        frames=frames,
        size=parse_size(size),
        stride=stride,
        tracker=tracker,
        weights=None if weights is None else str(weights.absolute()),
        code=None if code is None else str(code.absolute()),
        device=device,
        shard_clips=shard_clips,
        pictures=pictures,
        limits=limits,
    )
    found = find_videos(videos, captions, licence)
    if ray is None:
        run = partial(run_local, workers=workers or _cores())
    else:
        run = partial(run_ray, workers=workers, address=ray)
    start = time.monotonic()
    with _lines() if json_ else _bars() as watch:
        report = prepare(found, out, settings, run, watch)
    _print(report, out.absolute(), time.monotonic() - start, json_)
    return 0 if report.manifest["counts"]["clips_kept"] else _NOTHING_KEPT


def _cores() -> int:
    """Of this process, where the system tells; else of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _bars() -> Iterator[Watch]:
    """Bars on stderr with clips a minute and the time that is left; plain lines in a log file."""
    console = Console(stderr=True)
    if not console.is_terminal:
        with _throttled(_EVERY_PLAIN, lambda event: say(_sentence(event))) as watch:
            yield watch
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}
        rate = _Rate()

        def watch(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, rate="")
            a_minute = f"{rate(what, done):.1f}/min" if done else ""
            bars.update(tasks[what], completed=done, total=total, rate=a_minute)

        yield watch


@contextmanager
def _lines() -> Iterator[Watch]:
    """JSON lines on stdout."""
    with _throttled(_EVERY, lambda event: print(json.dumps(event), flush=True)) as watch:
        yield watch


@contextmanager
def _throttled(seconds: float, put: Callable[[dict[str, Any]], None]) -> Iterator[Watch]:
    """Events at most every so often; the first and the last of a stage always."""
    rate, last = _Rate(), 0.0

    def watch(what: str, done: int, total: int) -> None:
        nonlocal last
        a_minute, now = rate(what, done), time.monotonic()
        if done in (0, total) or now - last >= seconds:
            last = now
            left = round(60 * (total - done) / a_minute) if a_minute else None
            put(
                {"event": what, "done": done, "total": total, "per_minute": round(a_minute, 2)}
                | {"eta_seconds": left}
            )

    yield watch


class _Rate:
    """Things a minute since a stage began."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}

    def __call__(self, what: str, done: int) -> float:
        """Of the stage so far."""
        began = self._began.setdefault(what, time.monotonic())
        spent = time.monotonic() - began
        return 60 * done / spent if spent > 0 else 0.0


def _sentence(event: dict[str, Any]) -> str:
    rate = f", {event['per_minute']} a minute" if event["done"] else ""
    left = f", {event['eta_seconds']} s left" if rate else ""
    return f"{event['event']}: {event['done']} of {event['total']}{rate}{left}"


def _print(report: Report, out: Path, seconds: float, json_: bool) -> None:
    counts = report.manifest["counts"]
    names = [entry["name"] for entry in report.manifest["shards"]]
    paths = [str(out / name) for name in [*names, "clips.jsonl", "videos.jsonl", "manifest.json"]]
    spent = {stage: round(value, 6) for stage, value in report.seconds.spent.items()}
    total = sum(spent.values())
    quarantined = report.manifest["quarantined"]
    if json_:
        rates = {
            stage: round(report.worked / value, 4) if value else None
            for stage, value in spent.items()
        }
        result = {
            "event": "done", "paths": paths, "counts": counts, "quarantined": quarantined,
            "seconds": round(seconds, 3), "worked": report.worked,
            "core_seconds": spent, "clips_per_core_second": rates,
        }  # fmt: skip
        print(json.dumps(result))
        return
    print("\n".join(paths))
    for entry in quarantined:
        say(f"quarantined: {entry['video']}: {entry['reason']}")
    rejected = {**counts["videos_rejected"], **counts["clips_rejected"]}
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(rejected.items()))
    say(
        f"{counts['clips_kept']} clips kept of {counts['clips']} in {counts['videos']} videos; "
        f"rejected: {reasons or 'none'}; {report.worked} tracked in this run, "
        f"{total:.1f} core-seconds, {seconds:.1f} s"
    )
