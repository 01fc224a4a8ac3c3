"""`kinecast forecast`: a video in, its plausible futures out."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional

import kinecast
from kinecast.cli.progress import Stages, progress_bar, say
from kinecast.cli.score_table import jsonable, print_scores
from kinecast.core import device as devices
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.trackers import get_tracker
from kinecast.forecast.forecaster import MIN_HISTORY
from kinecast.forecast.load import load
from kinecast.forecast.score import score as score_forecast
from kinecast.io.forecast_file import save_forecast
from kinecast.io.video import open_video
from kinecast.viz.render import render_forecast
from kinecast.viz.still import render_still


def forecast(
    video: Positional[Path],
    *,
    out: Path,
    samples: int = 8,
    seed: int = 0,
    at: int | None = None,
    history: int = 81,
    horizon: int = 81,
    anchor: Literal["now", "start"] | None = None,
    stride: float | None = None,
    model: str = "trajloom-small",
    tracker: str = "flow",
    device: str = "auto",
    score: bool = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Forecast the motion of a dense grid of points in a video.

    Writes forecast.npz, forecast.mp4 and forecast.png.

    Args:
        video: a video file or a folder of images.
        out: folder for the results.
        samples: how many futures.
        seed: of the random numbers; the same seed gives the same futures.
        at: index of the first future frame; without it the future follows the end of the video.
        history: up to this many frames before it are observed.
        horizon: frames to forecast; beyond the model's window it rolls on its own forecast.
        anchor: lay the points on the last observed frame (now) or on the first (start); now by
            default, start with --score.
        stride: pixels between points; by default such that there are about 390.
        model: a name (see: kinecast models) or a checkpoint folder.
        tracker: what follows the points through the video.
        device: auto, cuda, cuda:N, mps or cpu.
        score: compare with what happened after --at, beside trivial forecasts.
        json_: print one JSON object.
    """
    _check(out, seed, samples=samples, history=history, horizon=horizon)
    stages = Stages()
    with stages("open"):
        source = open_video(video)
        plan = _plan(source, at, history, horizon, score)
        grid = Grid.over(source.size, stride)
        follow = get_tracker(tracker)
        forecaster = load(model, device)
        window = forecaster.system.needs.frames
        if plan.at - plan.start > window:
            plan.notes.append(f"the model observes the last {window} frames of the history")
        anchor = anchor or ("start" if score else "now")
    with stages("track"), progress_bar("track") as progress:
        # A tracker follows points frame by frame away from where they were laid, so that nothing
        # of the truth reaches the history, though both come from one pass.
        tracks = follow.track(
            source,
            grid=grid,
            reference=plan.start if anchor == "start" else plan.at - 1,
            start=plan.start,
            stop=plan.at + plan.truth,
            progress=progress,
        )
    past = tracks.window(0, plan.at - plan.start)
    truth = tracks.window(plan.at - plan.start, len(tracks)) if plan.truth else None
    with stages("forecast"), progress_bar("forecast") as progress:
        futures = forecaster.forecast(
            past, k=samples, seed=seed, horizon=horizon, progress=progress
        )
    if futures[0].source["visibility"] != "forecast":
        plan.notes.append("the model does not forecast visibility: visible is inside the frame")
    drawn = {key: value for key, value in futures[0].source.items() if key != "sample"}
    made = {"kinecast": kinecast.__version__, "video": source.name, "at": plan.at, "anchor": anchor}
    paths = _write(out, source, plan.at, futures, truth, {**made, **drawn}, stages)
    scores: dict[str, Any] | None = None
    with stages("score"):  # after writing: a truth that cannot be scored costs no results
        if score and truth is not None:
            scores = score_forecast(futures, truth)
    for note in [*plan.notes, *source.warnings]:
        say(f"note: {note}")
    if json_:
        report = {
            "paths": paths,
            "seconds": stages.seconds,
            "peak_memory_bytes": devices.peak_memory_bytes(forecaster.device),
            "scores": jsonable(scores),
            "notes": [*plan.notes, *source.warnings],
        }
        print(json.dumps(report, allow_nan=False))
        return
    if scores is not None:
        print_scores(scores, samples)
    for path in paths:
        print(path)


@dataclass(frozen=True)
class _Plan:
    """Frames [start, at) are observed, [at, at + truth) are there to compare with."""

    start: int
    at: int
    truth: int
    notes: list[str] = field(default_factory=list)


def _plan(video: Video, at: int | None, history: int, horizon: int, score: bool) -> _Plan:
    length = len(video)
    at = length if at is None else at
    if length < MIN_HISTORY:
        raise UserError(
            f"expected a video of at least {MIN_HISTORY} frames, because one shows no motion, "
            f"got {length} in {video.name}; use a longer one"
        )
    if not MIN_HISTORY <= at <= length:
        raise UserError(
            f"expected --at from {MIN_HISTORY} (frames of history) to {length} (the length of "
            f"{video.name}), got {at}"
        )
    plan = _Plan(start=max(0, at - history), at=at, truth=min(horizon, length - at))
    if score and plan.truth == 0:
        raise UserError(
            f"--score compares with frames from --at on, got none: {video.name} has {length} "
            f"frames and the future starts at {at}; use an earlier --at, or a longer video"
        )
    if at - plan.start < history:
        plan.notes.append(
            f"{at - plan.start} frames of history, not {history}: no more came before"
        )
    if score and plan.truth < horizon:
        plan.notes.append(
            f"{plan.truth} of {horizon} forecast frames are scored: the video ends there"
        )
    return plan


def _check(out: Path, seed: int, **counts: int) -> None:
    """Before minutes of work: what would fail at its end."""
    for name, count in counts.items():
        least = MIN_HISTORY if name == "history" else 1
        if count < least:
            raise UserError(f"expected --{name} of at least {least}, got {count}")
    if seed < 0:
        raise UserError(f"expected --seed >= 0, got {seed}")
    folder = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not folder.is_dir():
        raise UserError(f"expected --out to be a folder, got the file {folder}; choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"no permission to write in {folder}; choose another --out")


def _write(
    out: Path,
    video: Video,
    at: int,
    futures: Forecast,
    truth: Tracks | None,
    provenance: dict[str, Any],
    stages: Stages,
) -> list[str]:
    """Write the three files; returns their absolute paths."""
    out = out.absolute()
    npz, mp4, png = (out / f"forecast.{suffix}" for suffix in ("npz", "mp4", "png"))
    with stages("write"):
        save_forecast(npz, list(futures), futures.visible_prob, futures.history, provenance)
    with stages("render"):
        render_forecast(mp4, video, futures.history, futures, truth, at)
        render_still(png, video, futures.history, futures, at)
    return [str(path) for path in (npz, mp4, png)]
