"""Trackers: each gives the tracks of a grid of points in a video; none needs a download."""

from kinecast.core.errors import UserError
from kinecast.data.trackers.base import Reference, Tracker
from kinecast.data.trackers.chain import chain_tracker
from kinecast.data.trackers.multi import multi_tracker

__all__ = ["TRACKERS", "Reference", "Tracker", "get_tracker"]

TRACKERS = {"flow": multi_tracker, "chain": chain_tracker}


def get_tracker(name: str = "flow") -> Tracker:
    """The tracker of that name: "flow" (the default) or "chain" (plain chained flow).

    Raises:
        UserError: no tracker has that name.
    """
    if name not in TRACKERS:
        raise UserError(f"expected a tracker of {', '.join(sorted(TRACKERS))}, got {name!r}")
    return TRACKERS[name]()
