"""Plain chained flow: the baseline every tracker is measured against.

Each point follows the flow to the next frame until its forward-backward error first exceeds 1.5
working pixels or it leaves the frame; then it is lost for good and its last position is held.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.data.trackers.base import Estimate, FollowingTracker, frame_by_frame
from kinecast.data.trackers.dis import advance, flow_pair

ROUND_TRIP = 1.5  # working pixels


class ChainFollower:
    """Follows points along consecutive flows."""

    def __init__(self, frame: UInt8[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]) -> None:
        self._grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        self._xy = xy
        self._alive = np.ones(len(xy), bool)

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        size = (grey.shape[1], grey.shape[0])
        xy, error = advance(flow_pair(self._grey, grey), self._xy, size)
        inside = coords.inside(xy, size)
        self._alive = self._alive & (error < ROUND_TRIP) & inside
        self._xy = np.where(self._alive[:, None], xy, self._xy)
        self._grey = grey
        belief = np.where(self._alive, np.exp(-error / ROUND_TRIP), 0).astype(np.float32)
        return Estimate(self._xy, self._alive, belief)


def chain_tracker() -> FollowingTracker:
    """The tracker called "chain"."""
    return FollowingTracker("chain", frame_by_frame(ChainFollower), {"round_trip_px": ROUND_TRIP})
