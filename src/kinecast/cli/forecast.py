"""`kinecast forecast`: a video or an image in, its plausible futures out."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from tyro.conf import Positional, UseAppendAction

import kinecast
from kinecast.cli.forecast_plan import (
    Plan,
    check_numbers,
    check_place,
    plan_history,
    plan_image,
)
from kinecast.cli.pokes import parse_pokes
from kinecast.cli.progress import Stages, progress_bar, say
from kinecast.cli.score_table import jsonable, print_scores
from kinecast.cli.tracker import load_tracker
from kinecast.core import device as devices
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.trackers import NETWORKS
from kinecast.data.trackers.base import Tracker
from kinecast.forecast.conditions import check_guidance, check_kinds, takes, window_of
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.load import load
from kinecast.forecast.prepare import Precision
from kinecast.forecast.score import score as score_forecast
from kinecast.io.forecast_file import save_forecast
from kinecast.io.resized import resized
from kinecast.io.video import open_video
from kinecast.systems.base import Needs
from kinecast.viz.render import render_forecast
from kinecast.viz.still import render_still


def forecast(
    video: Positional[Path],
    *,
    out: Path,
    samples: int = 8,
    seed: int = 0,
    at: int | None = None,
    history: int | None = None,
    horizon: int | None = None,
    anchor: Literal["now", "start"] | None = None,
    stride: float | None = None,
    poke: UseAppendAction[tuple[str, ...]] = (),
    text: str | None = None,
    guidance: float = 1.0,
    view: UseAppendAction[tuple[Path, ...]] = (),
    episode_step: int | None = None,
    model: str = "trajloom-small",
    image_encoder: Path | None = None,
    text_encoder: Path | None = None,
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
    precision: Precision = "fp32",
    score: bool = False,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Forecast the motion of a dense grid of points in a video, or from one image.

    Writes forecast.npz, forecast.mp4 and forecast.png.

    Args:
        video: a video file, a folder of images, or one image for a model that starts from one.
        out: folder for the results.
        samples: how many futures.
        seed: of the random numbers; the same seed gives the same futures.
        at: index of the first future frame. Without it the future follows the end of the video, or,
            with a model that starts from one image, the first frame.
        history: up to this many frames before it are observed; by default the model's window.
        horizon: frames to forecast, by default the model's window; beyond it a model of histories
            rolls on its own forecast.
        anchor: lay the points on the last observed frame (now) or on the first (start); now by
            default, start with --score.
        stride: pixels between points; by default such that there are about 390.
        poke: x0,y0:x1,y1 or x0,y0:x1,y1@t, in pixels: a point of the image and where it shall be at
            the share t of the window (by default 1, its end). Repeat it for more.
        text: what shall happen, for a model that takes a text.
        guidance: how far pokes or text lead away from the image alone; 1 is none.
        view: another image of the same moment, for a model of several views. Repeat it for more.
        episode_step: frames since the episode began, for a model that asks.
        model: a name (see: kinecast models) or a checkpoint folder.
        image_encoder: weights of the encoder that the model sees images through, if any.
        text_encoder: weights of the encoder that it reads texts through, if any.
        tracker: what follows the points through the video, as for kinecast track.
        weights: a published tracker's weights file.
        code: the folder of your clone of its code.
        device: of the model, and of a published tracker: auto, cuda, cuda:N, mps or cpu.
        precision: of the large matrix products; coordinates are never rounded to half precision.
        score: compare with what happened after --at, beside trivial forecasts.
        json_: print one JSON object.
    """
    check_numbers(seed, samples=samples, history=history, horizon=horizon)
    check_place(out)
    pokes = parse_pokes(poke)
    stages = Stages()
    with stages("open"):
        source = open_video(video)
        follow = load_tracker(tracker, weights, code, device if tracker in NETWORKS else "auto")
        forecaster = load(
            model,
            device,
            precision=precision,
            image_encoder=image_encoder,
            text_encoder=text_encoder,
        )
        needs = forecaster.system.needs
        from_history = needs.condition == "history"
        if from_history and needs.frame is not None and source.size != needs.frame:
            source = resized(source, needs.frame)
        steering = {"pokes": pokes, "text": text}
        given = [kind for kind, value in steering.items() if value is not None]
        check_kinds(forecaster.name, needs, [needs.condition, *given])
        check_guidance(forecaster.name, forecaster.system, guidance)
        _refuse_unused(
            forecaster,
            history={"--view": bool(view), "--episode-step": episode_step is not None},
            image={"--history": history is not None, "--anchor": anchor is not None},
            grid={"--stride": stride is not None},
        )
        horizon = window_of(needs) if horizon is None else horizon
        if from_history:
            plan = plan_history(source, at, history or needs.frames, horizon, score)
            if needs.frame is not None:
                W, H = needs.frame
                plan.notes.append(f"points are in pixels of {W}x{H} frames, which the model takes")
            anchor = anchor or ("start" if score else "now")
        else:
            plan = plan_image(source, at, horizon, score)
            anchor = "now"
        grid = needs.grid or Grid.over(source.size, stride)
    truth: Tracks | None = None
    if from_history:
        past, truth = _observe(follow, source, grid, plan, anchor, stages)
        if len(past) > needs.frames:
            plan.notes.append(f"the model observes the last {needs.frames} frames of the history")
        conditions: dict[str, Any] = {"history": past}
    else:
        conditions = {
            "image": [_frame(source, plan.at), *(_frame(open_video(v), plan.at) for v in view)],
            "points": None if needs.grid else grid,
            "episode_step": episode_step,
            **steering,
        }
    with stages("forecast"), progress_bar("forecast") as progress:
        futures = forecaster.forecast(
            **conditions,
            k=samples,
            seed=seed,
            horizon=horizon,
            guidance=guidance,
            progress=progress,
        )
    if not from_history:
        truth = _happened(follow, source, futures.history, needs, plan, stages)
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


def _refuse_unused(
    forecaster: Forecaster, history: dict[str, bool], image: dict[str, bool], grid: dict[str, bool]
) -> None:
    """Options given that mean nothing to a model of histories, of images, of a grid of its own."""
    needs = forecaster.system.needs
    options = history if needs.condition == "history" else image
    options = {**options, **(grid if needs.grid is not None else {})}
    unused = [name for name, given in options.items() if given]
    if unused:
        own = "" if needs.grid is None else f" on its own {needs.grid.h}x{needs.grid.w} points"
        raise UserError(
            f"model {forecaster.name} forecasts from {takes(needs)}{own} and has no use for "
            f"{' and '.join(unused)}; leave it out"
        )


def _frame(video: Video, at: int) -> Frame:
    """The frame before `at`; of a still image, the image."""
    if not 1 <= at <= len(video) and len(video) > 1:
        raise UserError(f"expected {at} frames or one image, got {len(video)} in {video.name}")
    index = min(at, len(video)) - 1
    return Frame(video[index : index + 1][0], video.fps)


def _observe(
    follow: Tracker, source: Video, grid: Grid, plan: Plan, anchor: str, stages: Stages
) -> tuple[Tracks, Tracks | None]:
    """The history, and what happened after it where the video goes on.

    A tracker follows points frame by frame away from where they were laid, so that nothing of the
    truth reaches the history, though both come from one pass.
    """
    with stages("track"), progress_bar("track") as progress:
        tracks = follow.track(
            source,
            grid=grid,
            reference=plan.start if anchor == "start" else plan.at - 1,
            start=plan.start,
            stop=plan.at + plan.truth,
            progress=progress,
        )
    seen = plan.at - plan.start
    return tracks.window(0, seen), tracks.window(seen, len(tracks)) if plan.truth else None


def _happened(
    follow: Tracker, source: Video, laid: Tracks, needs: Needs, plan: Plan, stages: Stages
) -> Tracks | None:
    """Where the points of an image went, if the video goes on.

    A model's own grid on a frame of another shape has no one stride: it is followed in the frame
    that the model sees.
    """
    with stages("track"), progress_bar("track") as progress:
        if plan.truth == 0:
            return None
        video, grid = source, laid.grid
        if grid is None:
            assert needs.frame is not None
            video, grid = resized(source, needs.frame), needs.grid
        tracks = follow.track(
            video, grid=grid, start=plan.start, stop=plan.at + plan.truth, progress=progress
        )
        return tracks.window(1, len(tracks)).resized(source.size)


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
        steered = Pokes.of(*provenance.get("pokes", []))
        render_still(png, video, futures.history, futures, at, steered)
    return [str(path) for path in (npz, mp4, png)]
