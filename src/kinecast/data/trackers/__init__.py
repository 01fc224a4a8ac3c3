"""Trackers: each gives the tracks of a grid of points in a video; none is downloaded.

`TRACKERS` are built in; `NETWORKS` are published ones, loaded from the user's clone and weights.
"""

from pathlib import Path

from kinecast.core.errors import UserError
from kinecast.data.trackers.alltracker import ALLTRACKER
from kinecast.data.trackers.base import Reference, Tracker
from kinecast.data.trackers.chain import chain_tracker
from kinecast.data.trackers.cotracker import COTRACKER
from kinecast.data.trackers.lucas_kanade import lucas_kanade_tracker
from kinecast.data.trackers.multi import multi_tracker
from kinecast.data.trackers.tapir import TAPIR
from kinecast.data.trackers.tapnext import TAPNEXT

__all__ = ["NETWORKS", "TRACKERS", "Reference", "Tracker", "get_tracker"]

TRACKERS = {"flow": multi_tracker, "chain": chain_tracker, "lk": lucas_kanade_tracker}
NETWORKS = {network.name: network for network in (COTRACKER, ALLTRACKER, TAPNEXT, TAPIR)}


def get_tracker(
    name: str = "flow",
    *,
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
) -> Tracker:
    """The tracker of that name.

    Args:
        name: "flow" (the default), "chain" (plain chained flow), "lk" (pyramidal Lucas-Kanade), or
            a published network: "cotracker", "alltracker", "tapnext", "tapir".
        weights, code: of a published network: its weights file and the folder of its clone.
        device: that a published network runs on.

    Raises:
        UserError: no tracker has that name, a network's clone or weights are missing, or a
            built-in one is given any.
    """
    if name in NETWORKS:
        return NETWORKS[name].load(weights, code, device)
    if name not in TRACKERS:
        known = ", ".join(sorted([*TRACKERS, *NETWORKS]))
        raise UserError(f"expected a tracker of {known}, got {name!r}")
    if weights is not None or code is not None or device != "auto":
        raise UserError(
            f"the tracker {name} has no use for weights, a clone or a device; leave them out"
        )
    return TRACKERS[name]()
