"""Pyramidal Lucas-Kanade: the classical sparse tracker, to compare with.

Each point follows OpenCV's pyramidal Lucas-Kanade (Bouguet, 2000) from frame to frame until it is
not found, its forward-backward error first exceeds 1.5 working pixels, or it leaves the frame; then
it is lost for good and its last position is held. No point is refused for want of texture: OpenCV's
own limit would lose nearly every point of a plain floor.
"""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.data.trackers.base import Estimate, FollowingTracker, frame_by_frame

ROUND_TRIP = 1.5  # working pixels
SIDE = 21  # of the window, pixels
LEVELS = 4  # of the pyramid above the frame itself
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)


class LucasKanadeFollower:
    """Follows points along consecutive frames."""

    def __init__(self, frame: UInt8[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]) -> None:
        self._grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        self._xy = xy
        self._alive = np.ones(len(xy), bool)

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        here = coords.to_pixel_centres(self._xy)
        there, found = _track(self._grey, grey, here)
        back, found_back = _track(grey, self._grey, there)
        error = np.linalg.norm(back - here, axis=-1)
        xy = coords.from_pixel_centres(there)
        inside = coords.inside(xy, (grey.shape[1], grey.shape[0]))
        self._alive = self._alive & found & found_back & (error < ROUND_TRIP) & inside
        self._xy = np.where(self._alive[:, None], xy, self._xy)
        self._grey = grey
        belief = np.where(self._alive, np.exp(-error / ROUND_TRIP), 0).astype(np.float32)
        return Estimate(self._xy, self._alive, belief)


def _track(a: np.ndarray, b: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of a, with integer pixel centres, in b, and which of them were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        a,
        b,
        xy[:, None],
        None,
        winSize=(SIDE, SIDE),
        maxLevel=LEVELS,
        criteria=STOP,
        minEigThreshold=0,
    )  # type: ignore[call-overload]  # None: no first guess
    return there[:, 0], found[:, 0] > 0


def lucas_kanade_tracker() -> FollowingTracker:
    """The tracker called "lk"."""
    thresholds = {"round_trip_px": ROUND_TRIP, "window_px": SIDE, "levels": LEVELS}
    return FollowingTracker("lk", frame_by_frame(LucasKanadeFollower), thresholds)
