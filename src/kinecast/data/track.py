"""`kinecast.track`: tracks of a grid of points in a video, in one call."""

from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.trackers import Reference, get_tracker


def track(
    video: Video,
    stride: float | None = None,
    *,
    grid: Grid | None = None,
    reference: Reference = "first",
    start: int = 0,
    stop: int | None = None,
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
) -> Tracks:
    """Follow a grid of points through frames [start, stop) of a video.

    Args:
        video: any length; read window by window.
        stride: pixels between points, at cell centres; by default such that there are about 390.
        grid: where the points are laid, instead of a stride.
        reference: the frame they are laid on: "first", "last" or an index of [start, stop).
        start, stop: frames of the video; stop None is its end.
        tracker, weights, code, device: see `data.trackers.get_tracker`.

    Raises:
        UserError: both a stride and a grid, an impossible window or grid, an unknown tracker, or
            one whose clone or weights are missing.
    """
    if stride is not None and grid is not None:
        raise UserError("expected a stride or a grid, got both")
    if grid is None:
        grid = Grid.over(video.size, None if stride is None else float(stride))
    follow = get_tracker(tracker, weights=weights, code=code, device=device)
    return follow.track(video, grid=grid, reference=reference, start=start, stop=stop)
