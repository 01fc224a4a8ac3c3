"""Videos of tracks and forecasts."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.io.video import write_video
from kinecast.viz.colours import track_colours
from kinecast.viz.draw import dim
from kinecast.viz.panel import Panel, prominence

Picture = UInt8[np.ndarray, "h w 3"]

_FPS = 25.0  # of sources that state none
_READ = 8  # frames read at a time
_GAP = 8  # pixels between panels
_TAIL_SECONDS = 0.45  # a tail fades to a third in this time
_FAN_SECONDS = 1.5  # ... and that of a forecast, so that the fan of samples stands
_DIM_SECONDS = 0.4
_HOLD_SECONDS = 0.6  # the last frame stays


def render(
    video: Video, futures: Sequence[Tracks], path: str | Path, at: int | None = None
) -> Path:
    """Render a forecast, or tracks, over a video; mp4.

    Args:
        video: the source.
        futures: a Forecast (the history fading into its futures, beside the true frames where the
            video goes on), or plain tracks, which are drawn over the frames themselves.
        path: the file to write, ending in .mp4.
        at: frame of the video at which the futures or tracks begin. Default: the length of the
            forecast's history (as after `tracks.split`); 0 for plain tracks.

    Returns:
        The absolute path written.

    Raises:
        UserError: sizes disagree, the frames are not in the video, or the file cannot be written.
    """
    if isinstance(futures, Forecast):
        history = futures.history
        render_forecast(path, video, history, futures, None, len(history) if at is None else at)
    else:
        render_tracks(path, video, futures, at or 0)
    return Path(path).absolute()


def render_forecast(
    path: str | Path,
    video: Video,
    history: Tracks,
    futures: Sequence[Tracks],
    truth: Tracks | None,
    at: int,
) -> None:
    """Write forecast.mp4: the history on real frames, then the futures on the last one, dimmed.

    Where the video goes on after `at`, the true frames, with the true tracks if given, run beside
    it. The mean of the samples is drawn strong with its points, each sample as a thin tail.

    Args:
        path: the file, ending in .mp4.
        video: the source of the history's frames, [at - S, at), and of the true ones.
        history: S observed frames.
        futures: K samples of T frames of the same points.
        truth: the same points after `at`, T frames or fewer, or None.
        at: index of the first future frame in the video.

    Raises:
        UserError: sizes or counts disagree, the frames are not in the video, or the file cannot be
            written.
    """
    mean = mean_future(video, history, futures, at)
    fps = video.fps or _FPS
    colours = track_colours(history)
    panels = [Panel(video.size, colours, prominence(history, mean))]
    if at < len(video):
        parts = (history,) if truth is None else (history, truth)
        panels.insert(0, Panel(video.size, colours, prominence(*parts)))
    W, H = panels[0].size
    stacked = W > 2 * H
    size = (W, H)
    if len(panels) == 2:
        size = (W, 2 * H + _GAP) if stacked else (2 * W + _GAP, H)

    def frames() -> Iterator[Picture]:
        joined = None
        for pictures in _observed(panels, video, history, at, fps):
            yield _join(pictures, stacked)
        now = video[at - 1 : at][0]
        columns = [_forecast(panels[-1], now, history, [*futures, mean], fps)]
        if len(panels) == 2:
            columns.insert(0, _truth(panels[0], video, history, truth, at, len(mean), fps))
        for pictures in zip(*columns, strict=True):
            joined = _join(pictures, stacked)
            yield joined
        for _ in range(round(_HOLD_SECONDS * fps)):
            assert joined is not None
            yield joined

    write_video(path, frames(), fps, size)


def render_tracks(path: str | Path, video: Video, tracks: Sequence[Tracks], at: int = 0) -> None:
    """Write a video of tracks drawn over the frames [at, at + T) of their video.

    Raises:
        UserError: no tracks, sizes or lengths disagree, the frames are not in the video, or the
            file cannot be written.
    """
    pictures = track_pictures(video, tracks, at)
    first = next(pictures)
    size = (first.shape[1], first.shape[0])
    write_video(path, chain([first], pictures), video.fps or _FPS, size)


def track_pictures(video: Video, tracks: Sequence[Tracks], at: int = 0) -> Iterator[Picture]:
    """The pictures of `render_tracks`, one a frame.

    Raises:
        UserError: no tracks, sizes or lengths disagree, or the frames are not in the video.
    """
    if not tracks:
        raise UserError("expected tracks to render, got none")
    T = len(tracks[0])
    if any((one.size, len(one)) != (video.size, T) for one in tracks):
        raise UserError(
            f"expected tracks of {T} frames of {video.size}, got "
            f"{[(len(one), one.size) for one in tracks]}; render them on the video they come from"
        )
    if not 0 <= at <= len(video) - T:
        raise UserError(
            f"expected {T} frames from frame {at} on, got a video of {len(video)} frames; "
            "render tracks on the video they come from"
        )
    fps = video.fps or _FPS
    panels = [Panel(video.size, track_colours(one), prominence(one)) for one in tracks]
    for t, frame in enumerate(_frames(video, at, at + T)):
        picture = panels[0].picture(frame)
        for panel, one in zip(panels, tracks, strict=True):
            _follow(panel, one, t, fps)
            picture = panel.draw(picture, one.xy[t], one.visible[t])
        yield picture


def mean_future(video: Video, history: Tracks, futures: Sequence[Tracks], at: int) -> Tracks:
    """The mean of the samples, after a check that all belong to this video.

    Raises:
        UserError: sizes or counts disagree, or the history's frames are not in the video.
    """
    visible = np.stack([future.visible for future in futures]).astype(np.float16)
    forecast = Forecast(tuple(futures), visible, history)
    if history.size != video.size:
        raise UserError(
            f"expected a history of size {video.size} like the video, got {history.size}; "
            "render it on the video it comes from"
        )
    if not len(history) <= at <= len(video):
        raise UserError(
            f"expected at from {len(history)} (the history's frames) to {len(video)} "
            f"(the video's), got {at}"
        )
    return forecast.mean()


def _observed(
    panels: Sequence[Panel], video: Video, history: Tracks, at: int, fps: float
) -> Iterator[list[Picture]]:
    S = len(history)
    for t, frame in enumerate(_frames(video, at - S, at)):
        pictures = []
        for panel in panels:
            _follow(panel, history, t, fps)
            picture = panel.draw(panel.picture(frame), history.xy[t], history.visible[t])
            panel.label(picture, "observed", _time(t + 1 - S, fps))
            pictures.append(picture)
        yield pictures


def _forecast(
    panel: Panel, now: Picture, history: Tracks, paths: Sequence[Tracks], fps: float
) -> Iterator[Picture]:
    """The samples and, last, their mean, on the last observed frame."""
    background = panel.picture(now)
    *samples, mean = paths
    text = f"forecast, mean of {len(samples)}" if len(samples) > 1 else "forecast"
    for t in range(len(mean)):
        panel.fade(_FAN_SECONDS * fps)
        for one in paths:
            before = history.xy[-1] if t == 0 else one.xy[t - 1]
            seen = history.visible[-1] if t == 0 else one.visible[t - 1]
            strong = one is mean
            panel.trail(
                before, one.xy[t], seen & one.visible[t], 1.0 if strong else 0.55, 1 + strong
            )
        picture = dim(background, min(1.0, (t + 1) / (_DIM_SECONDS * fps)))
        picture = panel.draw(picture, mean.xy[t], mean.visible[t])
        panel.label(picture, text, _time(t + 1, fps))
        yield picture


def _truth(
    panel: Panel,
    video: Video,
    history: Tracks,
    truth: Tracks | None,
    at: int,
    T: int,
    fps: float,
) -> Iterator[Picture]:
    """What happened after `at`, T frames; the last frame stays, dimmed, where the video ends."""
    picture = panel.picture(video[at - 1 : at][0])
    stop = min(at + T, len(video))
    for t, frame in enumerate(_frames(video, at, stop)):
        picture = panel.picture(frame)
        shown = picture.copy()
        panel.fade(_TAIL_SECONDS * fps)
        if truth is not None and t < len(truth):
            before = history if t == 0 else truth
            panel.trail(
                before.xy[t - 1], truth.xy[t], before.visible[t - 1] & truth.visible[t], 1.0, 2
            )
            shown = panel.draw(picture, truth.xy[t], truth.visible[t])
        panel.label(shown, "what happened", _time(t + 1, fps))
        yield shown
    for _ in range(at + T - stop):
        shown = dim(picture, 1.0)
        panel.label(shown, "the video ends here")
        yield shown


def _follow(panel: Panel, tracks: Tracks, t: int, fps: float) -> None:
    panel.fade(_TAIL_SECONDS * fps)
    if t > 0:
        where = tracks.visible[t - 1] & tracks.visible[t]
        panel.trail(tracks.xy[t - 1], tracks.xy[t], where, 1.0, 2)


def _frames(video: Video, start: int, stop: int) -> Iterator[Picture]:
    for first in range(start, stop, _READ):
        yield from video[first : min(first + _READ, stop)]


def _time(frames: int, fps: float) -> str:
    return f"{frames / fps:+.1f} s" if frames else "now"


def _join(pictures: Sequence[Picture], stacked: bool) -> Picture:
    if len(pictures) == 1:
        return pictures[0]
    H, W = pictures[0].shape[:2]
    gap = np.zeros((_GAP, W, 3) if stacked else (H, _GAP, 3), np.uint8)
    return np.concatenate([pictures[0], gap, pictures[1]], axis=0 if stacked else 1)
