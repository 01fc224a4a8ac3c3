"""The default tracker: flow bridged over several distances."""

from collections import deque
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kinecast.core import coords
from kinecast.data.trackers.base import Estimate, FollowingTracker
from kinecast.data.trackers.dis import advance, flow_pair

DISTANCES = (1, 2, 4, 8, 16)  # frames
ROUND_TRIP = 1.5  # working pixels
STEP_VARIANCE = 0.1**2  # of one flow, working pixels squared
NEIGHBOURS = 8


class State(NamedTuple):
    """One past frame and where the points were in it."""

    grey: UInt8[np.ndarray, "h w"]
    half: UInt8[np.ndarray, "h2 w2"]
    xy: Float32[np.ndarray, "n 2"]
    variance: Float32[np.ndarray, " n"]
    seen: Bool[np.ndarray, " n"]


class MultiFollower:
    """Follows points along the least uncertain chain of flows."""

    def __init__(self, frame: UInt8[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]) -> None:
        N = len(xy)
        self._past: deque[State] = deque(maxlen=max(DISTANCES))  # newest first
        self._past.appendleft(State(*_greys(frame), xy, np.zeros(N, np.float32), np.ones(N, bool)))
        gap = np.linalg.norm(xy[:, None] - xy[None], axis=-1)
        self._near = np.argsort(gap, axis=1, kind="stable")[:, 1 : 1 + NEIGHBOURS]

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""
        grey, half = _greys(frame)
        size = (grey.shape[1], grey.shape[0])
        last = self._past[0]
        N = len(last.xy)
        best = np.full(N, np.inf, np.float32)
        xy = last.xy.copy()
        for distance in DISTANCES:
            if distance > len(self._past):
                break
            state = self._past[distance - 1]
            pair = flow_pair(state.grey, grey) if distance == 1 else flow_pair(state.half, half)
            there, error = advance(pair, state.xy, size)
            ok = state.seen & (error < ROUND_TRIP) & coords.inside(there, size)
            variance = state.variance + STEP_VARIANCE + error**2
            better = ok & (variance < best)
            best = np.where(better, variance, best)
            xy = np.where(better[:, None], there, xy)
        seen = np.isfinite(best)
        xy = np.where(seen[:, None], xy, last.xy + self._drift(xy - last.xy, seen))
        variance = np.where(seen, best, last.variance)
        self._past.appendleft(State(grey, half, xy, variance, seen))
        belief = np.where(seen, 1 / (1 + variance), 0).astype(np.float32)
        return Estimate(xy, seen, belief)

    def _drift(
        self, moved: Float32[np.ndarray, "n 2"], seen: Bool[np.ndarray, " n"]
    ) -> Float32[np.ndarray, "n 2"]:
        """Median motion of each point's seen neighbours; zero where none is seen."""
        near = np.ma.masked_array(moved[self._near])
        near.mask = np.broadcast_to(~seen[self._near][..., None], near.shape)
        return np.ma.median(near, axis=1).filled(0).astype(np.float32)


def _greys(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    H, W = grey.shape
    half = cv2.resize(grey, (max(32, W // 2), max(32, H // 2)), interpolation=cv2.INTER_AREA)
    return grey, half


def multi_tracker() -> FollowingTracker:
    """The tracker called "flow"."""
    return FollowingTracker(
        "flow", MultiFollower, {"round_trip_px": ROUND_TRIP, "distances": list(DISTANCES)}
    )
