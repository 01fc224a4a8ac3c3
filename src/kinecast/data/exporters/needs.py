"""What the published layouts need of a clip."""

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video


def with_video(clip: Clip, what: str) -> Video:
    """The clip's video.

    Raises:
        UserError: it has none.
    """
    if clip.video is None:
        raise UserError(f"expected clips with their video for {what}, got {clip.id} without")
    return clip.video


def finite_points(clip: Clip) -> Tracks:
    """The points that have a position in every frame: the published layouts know no others.

    Raises:
        UserError: there is none.
    """
    tracks = clip.tracks
    keep = np.flatnonzero(np.isfinite(tracks.xy).all((0, 2)))
    if not len(keep):
        raise UserError(f"expected points with a position in every frame, got none in {clip.id}")
    confidence = None if tracks.confidence is None else tracks.confidence[:, keep]
    return Tracks(
        tracks.xy[:, keep], tracks.visible[:, keep], tracks.size, tracks.query_frame[keep],
        confidence, tracks.fps, tracks.grid if len(keep) == tracks.count else None, tracks.source,
    )  # fmt: skip
