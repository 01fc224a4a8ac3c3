"""Tracks for a video of a data set that has none."""

from dataclasses import replace

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.importers.base import Untracked
from kinecast.data.trackers import Tracker
from kinecast.io.resized import resized


def tracked(item: Untracked, tracker: Tracker, stride: float | None = None) -> Clip:
    """The item as a clip: a grid of points laid in the first frame and followed.

    Args:
        item: its size and mask are kept to; its source is added to the tracks' provenance.
        tracker: what follows the points.
        stride: pixels between points; by default such that there are about 390.

    Raises:
        UserError: a stride that leaves no point in the frame, or none in the mask.
    """
    video = item.video
    if item.size is not None and item.size != video.size:
        video = resized(video, item.size)
    grid = Grid.over(video.size, None if stride is None else float(stride))
    tracks = tracker.track(video, grid=grid)
    if item.mask is not None:
        tracks = _masked(item, tracks)
    source = {**tracks.source, "data": dict(item.source)}
    return Clip(replace(tracks, source=source), video, item.caption, item.id)


def _masked(item: Untracked, tracks: Tracks) -> Tracks:
    """The points that lie in the mask in the first frame."""
    assert item.mask is not None
    first = tracks.resized(item.video.size).xy[0].astype(np.int64)
    keep = np.flatnonzero(item.mask[first[:, 1], first[:, 0]])
    if not len(keep):
        raise UserError(f"expected points on the mask of {item.id}, got none; use a lower --stride")
    return replace(
        tracks,
        xy=tracks.xy[:, keep],
        visible=tracks.visible[:, keep],
        query_frame=tracks.query_frame[keep],
        confidence=None if tracks.confidence is None else tracks.confidence[:, keep],
        grid=None,
    )
