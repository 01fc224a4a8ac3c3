"""`kinecast show`: what is in a file, and a picture of it."""

import json
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from kinecast.cli.show_facts import (
    Checkpoint,
    checkpoint_summary,
    forecast_summary,
    tracks_summary,
    video_summary,
)
from kinecast.cli.show_shard import (
    ShardClip,
    clip_summary,
    draw_clip,
    leaks,
    open_place,
    shard_summary,
)
from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.shards import Shard
from kinecast.io import forecast_file, tracks_file
from kinecast.io.checkpoint import CONFIG, WEIGHTS
from kinecast.io.forecast_file import ForecastFile, load_forecast
from kinecast.io.formats import read
from kinecast.io.image import write_image
from kinecast.io.npz import read_kind
from kinecast.io.video import open_video
from kinecast.viz.blank import blank_video
from kinecast.viz.render import render_forecast, render_tracks, track_pictures
from kinecast.viz.still import render_still

_PICTURED = 48  # frames whose tails a picture of tracks shows


def show(
    file: Positional[Path],
    *,
    video: Path | None = None,
    out: Path | None = None,
    at: int | None = None,
    against: tuple[Path, ...] = (),
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Say what is in a track file, a forecast file, a shard, a checkpoint folder or a video.

    Args:
        file: what to show; of a shard, FILE.parquet:17 is its clip 17.
        video: the video that the tracks or the forecast belong to; the stored pictures of a shard,
            or dark frames, without it.
        out: draw the tracks, the forecast or the clip there: .png or .mp4.
        at: frame of the video at which the tracks or the futures start; by default what a forecast
            file says, 0 for tracks.
        against: other shards: list the clips that the shard shares with them (a leak between
            splits), and exit with status 1 if there are any.
        json_: print one JSON object.
    """
    if against:
        return _compare(file, against, json_)
    content = _open(file)
    summary = _SUMMARIES[type(content)](content)
    if out is not None:
        _draw(content, open_video(video) if video is not None else None, out, at, file)
        summary["paths"] = [str(out.absolute())]
    if json_:
        print(json.dumps(summary))
        return 0
    width = max(map(len, summary))
    for name, value in summary.items():
        text = json.dumps(value) if isinstance(value, dict) else value
        text = "\n".join(value) if isinstance(value, list) else text
        print(f"{name:<{width}}  {text}")
    return 0


def _compare(file: Path, against: tuple[Path, ...], json_: bool) -> int:
    rows = leaks(file, against)
    if json_:
        print(json.dumps({"kind": "leaks", "leaks": rows}))
    else:
        lines = [f"{row['clip']}  {row['other']}  {row['why']}" for row in rows]
        print("\n".join(lines) or "no clip in common")
    return 1 if rows else 0


_Content = Tracks | ForecastFile | Shard | ShardClip | Checkpoint | Video


def _open(path: Path) -> _Content:
    if path.is_dir():
        holds_model = (path / CONFIG).exists() or (path / WEIGHTS).exists()
        return Checkpoint(path) if holds_model else open_video(path)
    if ".parquet" in path.suffix.lower():
        return open_place(path)
    if path.suffix.lower() == ".csv":
        return read(path)
    if path.suffix.lower() != ".npz":
        return open_video(path)
    kind = read_kind(path)
    if kind == forecast_file.KIND:
        return load_forecast(path)
    if kind == tracks_file.KIND:
        return read(path)
    raise UserError(f"expected a track or a forecast file, got the format {kind!r}: {path}")


def _draw(content: _Content, video: Video | None, out: Path, at: int | None, file: Path) -> None:
    suffix = out.suffix.lower()
    if suffix not in (".png", ".mp4"):
        raise UserError(f"expected --out ending in .png or .mp4, got {out}")
    if isinstance(content, ShardClip) and video is None:
        draw_clip(content, out)
        return
    if isinstance(content, ShardClip):
        content = content.clip.tracks
    if isinstance(content, ForecastFile):
        _draw_forecast(content, video, out, at)
    elif isinstance(content, Tracks):
        at = at or 0
        frames = video or blank_video(content.size, at + len(content), content.fps)
        if suffix == ".mp4":
            render_tracks(out, frames, [content], at)
            return
        first = max(0, len(content) - _PICTURED)
        *_, last = track_pictures(frames, [content.window(first, len(content))], at + first)
        write_image(out, last)
    else:
        raise UserError(
            "expected a track or a forecast file to draw with --out, or a clip of a shard "
            f"(FILE.parquet:17), got {file}"
        )


def _draw_forecast(forecast: ForecastFile, video: Video | None, out: Path, at: int | None) -> None:
    history = forecast.history
    if video is None:
        at = len(history)
        video = blank_video(history.size, at, history.fps)
    elif at is None:
        at = forecast.provenance.get("at")
        if not isinstance(at, int):
            raise UserError("expected --at, the first future frame: the file does not say it")
    if out.suffix.lower() == ".mp4":
        render_forecast(out, video, history, forecast.futures, None, at)
    else:
        steered = Pokes.of(*forecast.provenance.get("pokes", []))
        render_still(out, video, history, forecast.futures, at, steered)


_SUMMARIES: dict[type, Any] = {
    Tracks: tracks_summary,
    Shard: shard_summary,
    ShardClip: clip_summary,
    ForecastFile: forecast_summary,
    Checkpoint: checkpoint_summary,
    Video: video_summary,
}
