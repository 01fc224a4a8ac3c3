"""The tracker that a command is told to use."""

from pathlib import Path

from kinecast.cli.progress import say
from kinecast.data.trackers import NETWORKS, Tracker, get_tracker


def load_tracker(name: str, weights: Path | None, code: Path | None, device: str) -> Tracker:
    """See `get_tracker`; the licence of a published network is said.

    Raises:
        UserError: as `get_tracker`.
    """
    tracker = get_tracker(name, weights=weights, code=code, device=device)
    if name in NETWORKS:
        say(f"{NETWORKS[name].title}: {NETWORKS[name].licence}")
    return tracker
