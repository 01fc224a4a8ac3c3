"""A best guess of where points are while they are not seen."""

import numpy as np
from jaxtyping import Bool, Float32, Int

from kinecast.core.tracks import Tracks


def fill_hidden(tracks: Tracks) -> Float32[np.ndarray, "t n 2"]:
    """Positions that are finite everywhere, from the visible ones alone.

    Between two visible frames a hidden point moves on a straight line; before the first and after
    the last it holds still. A point that is never seen stays where it was laid (its grid point, or
    the middle of the frame for scattered points), whatever a tracker wrote there.
    """
    T, N = tracks.visible.shape
    before, after = nearest_seen(tracks.visible)
    known = before >= 0
    before = np.where(known, before, np.minimum(after, T - 1))
    after = np.where(after < T, after, before)
    span = np.maximum(after - before, 1)
    weight = ((np.arange(T)[:, None] - before) / span).clip(0, 1).astype(np.float32)[..., None]
    xy = np.where(tracks.visible[..., None], tracks.xy, np.float32(0))
    points = np.arange(N)
    filled = (1 - weight) * xy[before, points] + weight * xy[after, points]
    filled = np.where(tracks.visible[..., None], xy, filled)
    ever = np.asarray(tracks.visible.any(axis=0))
    return np.where(ever[:, None], filled, _laid(tracks))


def nearest_seen(
    visible: Bool[np.ndarray, "t n"],
) -> tuple[Int[np.ndarray, "t n"], Int[np.ndarray, "t n"]]:
    """Per frame, the last visible frame up to it (-1: none) and the first from it on (T: none)."""
    T = len(visible)
    frame = np.arange(T)[:, None]
    before = np.maximum.accumulate(np.where(visible, frame, -1), axis=0)
    after = np.minimum.accumulate(np.where(visible, frame, T)[::-1], axis=0)[::-1]
    return before, after


def _laid(tracks: Tracks) -> Float32[np.ndarray, "n 2"]:
    if tracks.grid is not None:
        return tracks.grid.points().reshape(-1, 2)
    middle = np.asarray(tracks.size, np.float32) / 2
    return np.broadcast_to(middle, (tracks.count, 2))
