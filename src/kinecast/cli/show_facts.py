"""What `kinecast show` says of each kind of thing."""

from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core import coords
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.io.checkpoint import CARD, WEIGHTS, file_hash, load_checkpoint
from kinecast.io.forecast_file import ForecastFile

_MOVING = 0.02  # of the diagonal: farther from its start than this, a point moves


class Checkpoint:
    """A checkpoint folder that loads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config, self.tensors = load_checkpoint(folder)


def tracks_summary(tracks: Tracks) -> dict[str, Any]:
    """Of tracks."""
    return {
        "kind": "tracks",
        "frames": len(tracks),
        **point_facts(tracks),
        "visible": percent(tracks.visible.mean() if tracks.visible.size else 0.0),
        "moving": percent(_moving_share(tracks)),
        "confidence": "yes" if tracks.confidence is not None else "no",
        "source": dict(tracks.source),
    }


def forecast_summary(forecast: ForecastFile) -> dict[str, Any]:
    """Of a forecast file."""
    ends = np.stack([future.xy[-1] for future in forecast.futures]).astype(np.float64)
    spread = np.linalg.norm(ends - ends.mean(axis=0), axis=-1).mean()
    return {
        "kind": "forecast",
        "samples": len(forecast),
        "frames": len(forecast.futures[0]),
        "history": len(forecast.history),
        **point_facts(forecast.history),
        "moving": percent(_moving_share(forecast.mean())),
        "spread at the end": f"{spread:.1f} px between samples",
        "provenance": dict(forecast.provenance),
    }


def checkpoint_summary(checkpoint: Checkpoint) -> dict[str, Any]:
    """Of a checkpoint."""
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


def video_summary(video: Video) -> dict[str, Any]:
    """Of a video."""
    summary: dict[str, Any] = {
        "kind": "video",
        "frames": len(video),
        "size": f"{video.size[0]}x{video.size[1]}",
        "fps": rate(video.fps),
    }
    if video.fps:
        summary["seconds"] = round(len(video) / video.fps, 2)
    if video.warnings:
        summary["warnings"] = video.warnings
    return summary


def point_facts(tracks: Tracks) -> dict[str, Any]:
    """How many points, and the frame they are in."""
    grid = tracks.grid
    laid = "scattered" if grid is None else f"{grid.h}x{grid.w} grid, stride {grid.stride:g}"
    return {
        "points": f"{tracks.count} ({laid})",
        "size": f"{tracks.size[0]}x{tracks.size[1]}",
        "fps": rate(tracks.fps),
    }


def _moving_share(tracks: Tracks) -> float:
    """Share of points that get farther than 2 % of the diagonal from where they are first seen."""
    seen = tracks.visible
    first = tracks.xy[seen.argmax(axis=0), np.arange(tracks.count)]
    far = np.linalg.norm(tracks.xy - first, axis=-1) > _MOVING * coords.diagonal(tracks.size)
    return float((far & seen).any(axis=0).mean()) if tracks.count else 0.0


def rate(fps: float | None) -> str:
    """Frames a second, in words."""
    return "unknown" if fps is None else f"{fps:.3f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share of 1 in words."""
    return f"{100 * share:.1f} %"
