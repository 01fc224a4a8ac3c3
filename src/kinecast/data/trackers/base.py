"""What a tracker is, and how a way of following points becomes one.

It sees frames in the order in which the points are followed, at the working size, and gives their
positions frame by frame. Laying the grid, the direction of time, scaling and provenance are the
same for every way of following and live here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.trackers.frames import stream, working_size

Reference = Literal["first", "last"] | int
Progress = Callable[[int, int], None]


class Tracker(Protocol):
    """Follows a grid of points through a video."""

    @property
    def name(self) -> str:
        """What it is called in `get_tracker` and in the tracks' provenance."""

    def track(
        self,
        video: Video,
        *,
        grid: Grid | None = None,
        points: Float32[np.ndarray, "n 2"] | None = None,
        reference: Reference = "first",
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
    ) -> Tracks:
        """Tracks of frames [start, stop).

        Args:
            video: any length; read window by window.
            grid: where points are laid, in pixels of the video; default `Grid.over(video.size)`.
            points: any points instead of a grid, in pixels of the video.
            reference: the frame they are laid on: "first" (`start`), "last" (`stop - 1`; followed
                backwards, so that the last frame is fully covered), or a frame of [start, stop),
                from which they are followed both ways.
            start, stop: frames of the video; stop None is its end.
            progress: called with (frames done, frames in all).

        Returns:
            Tracks with T = stop - start. Every point is visible and exact at its query frame; where
            it is hidden or gone, xy is a finite guess.

        Raises:
            UserError: an empty or impossible window, a reference outside it, a point outside the
                frame, or both a grid and points.
        """


class Estimate(NamedTuple):
    """Points in one frame: pixels of the working size, edge-aligned."""

    xy: Float32[np.ndarray, "n 2"]
    visible: Bool[np.ndarray, " n"]
    confidence: Float32[np.ndarray, " n"]


class Follower(Protocol):
    """Follows points from the frame they were laid on, one frame at a time."""

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""


StartFollower = Callable[[UInt8[np.ndarray, "h w 3"], Float32[np.ndarray, "n 2"]], Follower]
Follow = Callable[
    [Iterator[UInt8[np.ndarray, "h w 3"]], Float32[np.ndarray, "n 2"]], Iterator[Estimate]
]


def frame_by_frame(start: StartFollower) -> Follow:
    """A follower's way of following: it is started on the first frame and steps to every other."""

    def follow(
        frames: Iterator[UInt8[np.ndarray, "h w 3"]], points: Float32[np.ndarray, "n 2"]
    ) -> Iterator[Estimate]:
        follower = start(next(frames), points)
        for frame in frames:
            yield follower.step(frame)

    return follow


@dataclass(frozen=True)
class FollowingTracker:
    """A Tracker made of a way of following.

    Attributes:
        name: of the tracker.
        follow: (RGB frames, points on the first of them) -> where they are in each later frame, all
            at the working size.
        thresholds: recorded in the tracks' provenance.
        provenance: what else is recorded there.
    """

    name: str
    follow: Follow
    thresholds: Mapping[str, Any]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def track(
        self,
        video: Video,
        *,
        grid: Grid | None = None,
        points: Float32[np.ndarray, "n 2"] | None = None,
        reference: Reference = "first",
        start: int = 0,
        stop: int | None = None,
        progress: Progress | None = None,
    ) -> Tracks:
        """See `Tracker.track`."""
        stop = len(video) if stop is None else stop
        at = _reference_frame(len(video), start, stop, reference)
        if points is None:
            grid = Grid.over(video.size) if grid is None else grid
            points = grid.points().reshape(-1, 2)
        elif grid is not None:
            raise UserError("expected a grid or points, got both")
        if not coords.inside(points, video.size).all():
            laid = "other points"
            if grid is not None:
                laid = f"a {grid.h}x{grid.w} grid from {grid.origin} with stride {grid.stride}"
            raise UserError(
                f"expected every point inside the {video.size[0]}x{video.size[1]} frame, got {laid}"
            )
        T, N = stop - start, len(points)
        xy = np.empty((T, N, 2), np.float32)
        visible = np.ones((T, N), bool)
        confidence = np.ones((T, N), np.float32)
        xy[at - start] = points
        done = 1
        for order in (range(at, stop), range(at, start - 1, -1)):
            if len(order) < 2:
                continue
            frames = stream(video, order)
            size = working_size(video.size)
            estimates = self.follow(frames, coords.resize(points, video.size, size))
            for t, estimate in zip(order[1:], estimates, strict=True):
                i = t - start
                xy[i] = coords.resize(estimate.xy, size, video.size)
                visible[i] = estimate.visible & coords.inside(xy[i], video.size)
                confidence[i] = np.where(visible[i], estimate.confidence, 0)
                done += 1
                if progress is not None:
                    progress(done, T)
        return Tracks(
            xy=xy,
            visible=visible,
            size=video.size,
            query_frame=np.full(N, at - start, np.int64),
            confidence=confidence,
            fps=video.fps,
            grid=grid,
            source={
                "tracker": self.name,
                "thresholds": dict(self.thresholds),
                "working_size": list(working_size(video.size)),
                "video": video.name,
                "frames": [start, stop],
                "reference": at,
                "opencv": cv2.__version__,
                **self.provenance,
            },
        )


def _reference_frame(length: int, start: int, stop: int, reference: Reference) -> int:
    if not 0 <= start < stop <= length:
        raise UserError(
            f"expected 0 <= start < stop <= {length} frames, got start={start}, stop={stop}"
        )
    at = {"first": start, "last": stop - 1}.get(reference, reference)  # type: ignore[arg-type]
    if not isinstance(at, int) or not start <= at < stop:
        raise UserError(
            f'expected reference "first", "last" or a frame in [{start}, {stop}), got {reference!r}'
        )
    return at
