"""`kinecast show`: what is in a file, and a picture of it."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from tyro.conf import Positional

from kinecast.core import coords
from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.io import forecast_file, tracks_file
from kinecast.io.checkpoint import CARD, CONFIG, WEIGHTS, file_hash, load_checkpoint
from kinecast.io.forecast_file import ForecastFile, load_forecast
from kinecast.io.formats import read
from kinecast.io.image import write_image
from kinecast.io.npz import read_kind
from kinecast.io.video import open_video
from kinecast.viz.blank import blank_video
from kinecast.viz.render import render_forecast, render_tracks, track_pictures
from kinecast.viz.still import render_still

_MOVING = 0.02  # of the diagonal: farther from its start than this, a point moves
_PICTURED = 48  # frames whose tails a picture of tracks shows


def show(
    file: Positional[Path],
    *,
    video: Path | None = None,
    out: Path | None = None,
    at: int | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Say what is in a track file, a forecast file, a checkpoint folder or a video.

    Args:
        file: what to show.
        video: the video that the tracks or the forecast belong to; dark frames without it.
        out: draw the tracks or the forecast there: .png or .mp4.
        at: frame of the video at which the tracks or the futures start; by default what a forecast
            file says, 0 for tracks.
        json_: print one JSON object.
    """
    content = _open(file)
    summary = _SUMMARIES[type(content)](content)
    if out is not None:
        _draw(content, open_video(video) if video is not None else None, out, at, file)
        summary["paths"] = [str(out.absolute())]
    if json_:
        print(json.dumps(summary))
        return
    width = max(map(len, summary))
    for name, value in summary.items():
        text = json.dumps(value) if isinstance(value, dict) else value
        text = "\n".join(value) if isinstance(value, list) else text
        print(f"{name:<{width}}  {text}")


class _Checkpoint:
    """A checkpoint folder that loads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.tensors = load_checkpoint(folder)


_Content = Tracks | ForecastFile | _Checkpoint | Video


def _open(path: Path) -> _Content:
    if path.is_dir():
        holds_model = (path / CONFIG).exists() or (path / WEIGHTS).exists()
        return _Checkpoint(path) if holds_model else open_video(path)
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
        raise UserError(f"expected a track or a forecast file to draw with --out, got {file}")


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


def _tracks_summary(tracks: Tracks) -> dict[str, Any]:
    return {
        "kind": "tracks",
        "frames": len(tracks),
        **_points(tracks),
        "visible": _percent(tracks.visible.mean() if tracks.visible.size else 0.0),
        "moving": _percent(_moving_share(tracks)),
        "confidence": "yes" if tracks.confidence is not None else "no",
        "source": dict(tracks.source),
    }


def _forecast_summary(forecast: ForecastFile) -> dict[str, Any]:
    ends = np.stack([future.xy[-1] for future in forecast.futures]).astype(np.float64)
    spread = np.linalg.norm(ends - ends.mean(axis=0), axis=-1).mean()
    return {
        "kind": "forecast",
        "samples": len(forecast),
        "frames": len(forecast.futures[0]),
        "history": len(forecast.history),
        **_points(forecast.history),
        "moving": _percent(_moving_share(forecast.mean())),
        "spread at the end": f"{spread:.1f} px between samples",
        "provenance": dict(forecast.provenance),
    }


def _checkpoint_summary(checkpoint: _Checkpoint) -> dict[str, Any]:
    weights = checkpoint.folder / WEIGHTS
    card = checkpoint.folder / CARD
    lines = card.read_text("utf-8").splitlines() if card.is_file() else []
    return {
        "kind": "checkpoint",
        "card": next((line.lstrip("# ") for line in lines if line.startswith("#")), "none"),
        "tensors": len(checkpoint.tensors),
        "numbers": sum(tensor.numel() for tensor in checkpoint.tensors.values()),
        "size": f"{weights.stat().st_size / 1e6:.1f} MB",
        "sha256": file_hash(weights),
        "config": checkpoint.config,
    }


def _video_summary(video: Video) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "kind": "video",
        "frames": len(video),
        "size": f"{video.size[0]}x{video.size[1]}",
        "fps": _rate(video.fps),
    }
    if video.fps:
        summary["seconds"] = round(len(video) / video.fps, 2)
    if video.warnings:
        summary["warnings"] = video.warnings
    return summary


def _points(tracks: Tracks) -> dict[str, Any]:
    grid = tracks.grid
    laid = "scattered" if grid is None else f"{grid.h}x{grid.w} grid, stride {grid.stride:g}"
    return {
        "points": f"{tracks.count} ({laid})",
        "size": f"{tracks.size[0]}x{tracks.size[1]}",
        "fps": _rate(tracks.fps),
    }


def _moving_share(tracks: Tracks) -> float:
    """Share of points that get farther than 2 % of the diagonal from where they are first seen."""
    seen = tracks.visible
    first = tracks.xy[seen.argmax(axis=0), np.arange(tracks.count)]
    far = np.linalg.norm(tracks.xy - first, axis=-1) > _MOVING * coords.diagonal(tracks.size)
    return float((far & seen).any(axis=0).mean()) if tracks.count else 0.0


def _rate(fps: float | None) -> str:
    return "unknown" if fps is None else f"{fps:.3f}".rstrip("0").rstrip(".")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


_SUMMARIES: dict[type, Any] = {
    Tracks: _tracks_summary,
    ForecastFile: _forecast_summary,
    _Checkpoint: _checkpoint_summary,
    Video: _video_summary,
}
