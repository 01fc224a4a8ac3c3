"""A tracker as a contestant: a sanity row. It sees the future and says where the points go."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kinecast.bench.case import Case
from kinecast.core.tracks import Tracks
from kinecast.data.trackers import Tracker, get_tracker


@dataclass(frozen=True)
class Tracking:
    """A built-in tracker that follows the points of the case's history through its video."""

    name: str
    tracker: Tracker

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return {"kind": "sanity", "tracker": self.tracker.name}

    def refuses(self, case: Case) -> str | None:
        """See `Contestant`."""
        if case.video is None:
            return "takes a video"
        laid = np.unique(case.history.query_frame)
        if case.history.grid is None or len(laid) > 1 or laid[0] < 0:
            return "takes points laid on a grid in one frame of the history"
        return None

    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """The tracks of the frames after the history."""
        assert case.video is not None
        grid, laid = case.history.grid, int(case.history.query_frame[0])
        tracks = self.tracker.track(case.video, grid=grid, reference=laid, start=laid)
        future = tracks.window(len(case.history) - laid, len(tracks))
        return [replace(future, confidence=None)]


def tracker(name: str, device: str) -> Tracking:
    """The tracker of that name, the default one for none.

    Raises:
        UserError: no built-in tracker has that name.
    """
    found = get_tracker(name) if name else get_tracker()
    return Tracking(f"tracker:{name}" if name else "tracker", found)
