"""Case: one moment to forecast from, and what happened after it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Int64

from kinecast.core.cond import Frame, Pokes
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.forecast.guess import fill_hidden

Kind = Literal["synthetic", "real"]


@dataclass(frozen=True, eq=False)
class Case:
    """N points with a history and G >= 1 futures that truly happened.

    Attributes:
        id: stable and unique in its suite; it names the case in results and fingerprints.
        group: the row group of the tables that it counts in, e.g. "held-out families, 24 -> 24".
        history: at least one frame; one frame means that only an image was seen.
        truths: futures of the same points; frame 0 is the first after the history. Several where
            one first frame has several futures.
        kind: where the truth is from; it decides the opponent (`forecast.baselines.OPPONENTS`).
        scene: cases of one scene are not independent (the bootstrap resamples scenes); the id by
            default.
        frame: pixels of the last moment of the history, of the history's size; None where there
            are none.
        views: other views of that moment.
        pokes: where some of the points shall be, for models that are told: they start where the
            point is in the last frame of the history, and their time is a share of the horizon.
        poked: the points that the pokes are of, in their order; by default the ones nearest to
            where the pokes start.
        text: what shall happen, for models that are told.
        objects: the thing that each point lies on, -1 for the background; None where not known.
        video: frames of history and (first) truth, lazily read: for pictures and for the tracker.
        timed: whether best-within-s-seconds is measured on it, which costs each model the longest
            of the protocol's "seconds": a few cases of a suite.
        about: whatever else identifies the case, JSON-able: goes into the results. "k" is how many
            futures are drawn of this case, where it is not the protocol's number.

    Raises:
        UserError: no truth, or points or sizes that disagree.
    """

    id: str
    group: str
    history: Tracks
    truths: tuple[Tracks, ...]
    kind: Kind = "synthetic"
    scene: str = ""
    frame: Frame | None = None
    views: tuple[Frame, ...] = ()
    pokes: Pokes | None = None
    poked: Int64[np.ndarray, " p"] = None  # type: ignore[assignment]  # filled below
    text: str | None = None
    objects: Int64[np.ndarray, " n"] | None = None
    video: Video | None = None
    timed: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "truths", tuple(self.truths))
        if not self.scene:
            object.__setattr__(self, "scene", self.id)
        if not self.truths:
            raise UserError(f"expected at least one future of case {self.id}, got none")
        for truth in self.truths:
            if (truth.count, truth.size) != (self.history.count, self.size):
                raise UserError(
                    f"expected futures of {self.history.count} points on {self.size} in case "
                    f"{self.id}, got {truth.count} on {truth.size}"
                )
            if len(truth) != self.horizon:
                raise UserError(
                    f"expected futures of one length in case {self.id}, got {len(truth)} and "
                    f"{self.horizon} frames"
                )
        if self.frame is not None and self.frame.size != self.size:
            raise UserError(
                f"expected a frame of {self.size} in case {self.id}, got {self.frame.size}"
            )
        frames = len(self.history) + self.horizon
        if self.video is not None and (len(self.video), self.video.size) != (frames, self.size):
            raise UserError(
                f"expected a video of {frames} frames of {self.size} in case {self.id}, got "
                f"{len(self.video)} of {self.video.size}"
            )
        if self.poked is None:
            object.__setattr__(self, "poked", self._nearest_to_pokes())
        pokes = 0 if self.pokes is None else len(self.pokes)
        if self.poked.shape != (pokes,) or not (self.poked < self.history.count).all():
            raise UserError(
                f"expected a point of {self.history.count} for each of {pokes} pokes in case "
                f"{self.id}, got {self.poked.tolist()}"
            )
        if self.objects is not None and self.objects.shape != (self.history.count,):
            raise UserError(
                f"expected objects ({self.history.count},) in case {self.id}, got "
                f"{self.objects.shape}"
            )

    @property
    def size(self) -> Size:
        """(W, H) of the frame that all pixels belong to."""
        return self.history.size

    @property
    def horizon(self) -> int:
        """Frames to forecast."""
        return len(self.truths[0])

    @property
    def truth(self) -> Tracks:
        """The first future: the one that a metric of a single truth compares with."""
        return self.truths[0]

    def points(self) -> Float32[np.ndarray, "n 2"]:
        """Where the points are at the last moment of the history; hidden ones, where last seen."""
        return fill_hidden(self.history)[-1]

    def _nearest_to_pokes(self) -> Int64[np.ndarray, " p"]:
        if self.pokes is None:
            return np.zeros(0, np.int64)
        apart = self.pokes.start[:, None] - self.points()
        return np.linalg.norm(apart, axis=-1).argmin(axis=1).astype(np.int64)
