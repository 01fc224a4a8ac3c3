"""A few paths of a few points, for pictures."""

import numpy as np
from jaxtyping import Bool, Float16, Float32, Int64

from kinecast.bench.case import Case
from kinecast.bench.measures.judged import Judged
from kinecast.core.tracks import Tracks
from kinecast.metrics import displacement

POINTS, FRAMES, SAMPLES = 32, 24, 4


def picked(case: Case) -> Int64[np.ndarray, " n"]:
    """Points to draw: at most 32 that are seen last, half of them moving ones if there are."""
    seen = case.history.visible[-1] & case.truth.visible.any(axis=0)
    moving = displacement.moving(case.truth, case.history) & seen
    first = _spread(np.flatnonzero(moving), POINTS // 2)
    others = _spread(np.setdiff1d(np.flatnonzero(seen), first), POINTS - len(first))
    return np.sort(np.concatenate([first, others])).astype(np.int64)


def shown(frames: int) -> Int64[np.ndarray, " f"]:
    """At most 24 frames of so many, the last among them."""
    return _spread(np.arange(frames), FRAMES)


def drawn(tracks: Tracks, points: Int64[np.ndarray, " n"]) -> Float16[np.ndarray, "f n 2"]:
    """Paths of what happened, NaN where hidden."""
    frames = shown(len(tracks))
    return _small(tracks.xy[frames][:, points], tracks.visible[frames][:, points])


def paths(of: Judged) -> Float16[np.ndarray, "s f n 2"]:
    """Paths of the first samples."""
    frames, points = shown(of.case.horizon), picked(of.case)
    xy = of.xy[:SAMPLES][:, frames][:, :, points]
    return _small(xy, np.ones(xy.shape[:-1], bool))


def _spread(of: np.ndarray, most: int) -> np.ndarray:
    """At most so many, evenly spread, the last among them."""
    if len(of) <= most:
        return of
    return of[(np.arange(1, most + 1) * len(of) // most) - 1]


def _small(
    xy: Float32[np.ndarray, "*b 2"], known: Bool[np.ndarray, "*b"]
) -> Float16[np.ndarray, "*b 2"]:
    """Half precision: half a pixel at 1000; there is nothing to draw beyond what it holds."""
    xy = np.where(known[..., None], np.clip(xy, -6e4, 6e4), np.nan)
    return xy.astype(np.float16)
