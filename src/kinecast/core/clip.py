"""Clip: a video (or none) with its tracks."""

from dataclasses import dataclass

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video


@dataclass(frozen=True, eq=False)
class Clip:
    """One item of data.

    Attributes:
        tracks: the points.
        video: frames of the same count and size, or None (simulated worlds have none).
        caption: a text, or "".
        id: unique within its source.

    Raises:
        UserError: video and tracks disagree in frames or size.
    """

    tracks: Tracks
    video: Video | None = None
    caption: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        video = self.video
        if video is None:
            return
        if (len(video), video.size) != (len(self.tracks), self.tracks.size):
            raise UserError(
                f"expected video and tracks of one length and size, got {len(video)} frames of "
                f"{video.size} and {len(self.tracks)} frames of {self.tracks.size}"
            )
