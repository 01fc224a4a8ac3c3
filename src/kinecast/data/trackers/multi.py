"""The default tracker: flow bridged over several distances, held by appearance.

For each point and frame there are several candidates: flow from 1, 2, 4, 8 and 16 frames ago (the
idea of Neoral et al., MFT, WACV 2024: a chain may jump over frames in which the point was hidden),
the motion of neighbours of the same colour and, for points that have moved with the camera so far,
the camera's motion. Each costs by how unlike it looks to the point's windows in the first frame and
in a recent one, by its round trip, by how far it strays from its neighbours, and by the uncertainty
of its chain. The cheapest is refined on the windows, so that errors do not add up, and the point is
visible if it looks alike there.

A point with the camera leaves it only on evidence: the place where the camera says it is has to
look wrong, and the place where flow takes it has to have changed. Otherwise an object that passes
over a plain wall would push the wall's points along. A point without looks of its own has no such
evidence; it leaves with its neighbours of the same colour.

Where the camera puts a point is known, so only the point itself is looked at there, not what is
beside it, and shadows may fall on it.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from kinecast.core import coords
from kinecast.data.trackers.appearance import LEVEL, Templates, windows
from kinecast.data.trackers.base import Estimate, FollowingTracker, frame_by_frame
from kinecast.data.trackers.camera import Camera, project
from kinecast.data.trackers.dis import advance, flow_pair
from kinecast.data.trackers.neighbours import Neighbours
from kinecast.data.trackers.search import search
from kinecast.data.trackers.view import View

FLAT = 0.5  # share of noise in a window above which it has no looks of its own
FADING = 0.9  # share of its motion that a hidden point with no neighbour to go by keeps a frame


@dataclass(frozen=True)
class Settings:
    """Thresholds in working pixels, frames, and mismatch (see `Templates.mismatch`).

    Attributes:
        distances: frames that flow bridges.
        round_trip: forward-backward error above which a flow is not believed.
        alike, same: mismatch below which a window is taken for the point's, and for certain.
        placed: `same` for points that the camera's motion places.
        agreed: that instead of `alike` where at least `witnesses` flows agree to a pixel.
        changed: mismatch above which a place counts as changed.
        leave: distance from the camera's motion at which a point may leave it.
        evidence: by how much the camera's place must look worse for that.
        company: share of its neighbours that have left, above which a point leaves with them.
        spread: neighbours of neighbours that leave in one frame.
        reach: of the refinement.
        refresh: age of the recent window when it is replaced.
        sure: frames in a row that a point must look certain before it is seen again.
        back: frames ago whose picture tells whether a place changed.
    """

    distances: tuple[int, ...] = (1, 2, 4, 8, 16)
    round_trip: float = 1.5
    alike: float = 1.5
    agreed: float = 3.0
    witnesses: int = 3
    same: float = 0.5
    placed: float = 1.0
    changed: float = 0.7
    leave: float = 1.0
    evidence: float = 0.3
    company: float = 0.3
    spread: int = 3
    reach: float = 2.0
    refresh: int = 4
    sure: int = 3
    back: int = 4


class State(NamedTuple):
    """One past frame and where the points were in it."""

    view: View
    pose: Float32[np.ndarray, "3 3"]
    xy: Float32[np.ndarray, "n 2"]
    variance: Float32[np.ndarray, " n"]
    seen: Bool[np.ndarray, " n"]


class Candidates(NamedTuple):
    """Places where the points may be: C of them for each; a flow's come first."""

    xy: Float32[np.ndarray, "c n 2"]
    error: Float32[np.ndarray, "c n"]  # of the round trip
    variance: Float32[np.ndarray, "c n"]  # of the chain
    allowed: Bool[np.ndarray, "c n"]


class Choice(NamedTuple):
    """One place for each point, among its candidates or close by.

    Attributes:
        xy: the place.
        looks: mismatch there.
        variance: of the chain.
        stays: has strayed from the camera's motion and goes back to it.
        pick: the candidate.
    """

    xy: Float32[np.ndarray, "n 2"]
    looks: Float32[np.ndarray, " n"]
    variance: Float32[np.ndarray, " n"]
    stays: Bool[np.ndarray, " n"]
    pick: Int64[np.ndarray, " n"]


class MultiFollower:
    """Follows points by the cheapest of several candidates."""

    def __init__(
        self,
        frame: UInt8[np.ndarray, "h w 3"],
        xy: Float32[np.ndarray, "n 2"],
        settings: Settings | None = None,
    ) -> None:
        N, view = len(xy), View.of(frame)
        self._set = settings or Settings()
        # One pool for all frames: Ctrl-C while a thread is being started may leave one behind.
        self._pool = ThreadPoolExecutor(len(self._set.distances))
        self._first = Templates.at(view.colour, xy)
        self._recent = Templates.at(view.colour, xy)
        self._flat = LEVEL**2 / (LEVEL**2 + self._first.variance)
        self._neighbours = Neighbours(xy, self._first.middle)
        self._camera = Camera(xy)
        self._bound = np.ones(N, bool)  # has moved with the camera so far
        self._age = np.zeros(N, np.int64)  # of the recent window
        self._sure = np.zeros(N, np.int64)  # frames in a row that look certain
        self._hidden = np.zeros(N, np.int64)  # frames in a row
        everything = np.ones(N, bool)
        self._drift = np.zeros_like(xy)
        self._past = deque([State(view, np.eye(3), xy, np.zeros(N, np.float32), everything)])

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""
        S, view, last = self._set, View.of(frame), self._past[0]
        candidates, drift = self._candidates(view)
        mismatch = np.stack([self._mismatch(view, xy) for xy in candidates.xy])
        middle = self._first.compare_middle(windows(view.colour, self._camera.xy))
        mismatch[-1] = np.minimum(mismatch[-1], middle)
        choice = self._choose(view, candidates, mismatch, drift)
        if self._leave_in_company(candidates):
            candidates.allowed[-1] &= self._bound
            choice = self._choose(view, candidates, mismatch, drift)
        xy, looks, variance, stays, pick = choice
        n = np.arange(len(pick))
        allowed = candidates.allowed[pick, n]
        flowed = pick < len(candidates.xy) - 2
        inside = coords.inside(xy, view.size)
        same = inside & (looks < np.where(self._bound, S.placed, S.same))
        self._sure = np.where(same, self._sure + 1, 0)
        followed = flowed | stays | last.seen | (self._sure >= S.sure)
        limit = np.where(self._witnesses(candidates, pick) >= S.witnesses, S.agreed, S.alike)
        seen = inside & (looks < limit) & followed & (allowed | stays)
        guess = np.where(self._bound[:, None], self._camera.xy, last.xy + drift)
        xy = np.where((seen | same)[:, None], xy, guess).astype(np.float32)
        self._hidden = np.where(seen, 0, self._hidden + 1)
        self._learn(view, xy, last, seen, flowed & (candidates.error[pick, n] < S.round_trip / 2))
        xy = self._look_for(view, xy)
        state = State(view, self._camera.pose, xy, variance.astype(np.float32), seen)
        self._past.appendleft(state)
        if len(self._past) > max(S.distances):
            self._past.pop()
        belief = np.where(seen, np.exp(-looks / 2) / (1 + variance), 0)
        return Estimate(xy, seen, belief.astype(np.float32))

    def _choose(
        self, view: View, candidates: Candidates, mismatch: np.ndarray, drift: np.ndarray
    ) -> Choice:
        """The cheapest candidate of each point, refined, or the camera's place."""
        pick = self._cost(candidates, mismatch, drift).argmin(0)
        n = np.arange(len(pick))
        xy, anchored = self._refine(view, candidates.xy[pick, n])
        variance = candidates.variance[pick, n]
        variance = np.where(anchored, np.minimum(variance, 0.25), variance)
        looks = self._mismatch(view, xy)
        with_camera = pick == len(candidates.xy) - 1
        looks = np.where(with_camera, np.minimum(looks, mismatch[-1]), looks)
        stays = self._stays(view, xy, looks, mismatch[-1])
        return Choice(
            np.where(stays[:, None], self._camera.xy, xy),
            np.where(stays, mismatch[-1], looks),
            np.where(stays, 0.1, variance),
            stays,
            pick,
        )

    def _mismatch(self, view: View, xy: np.ndarray) -> np.ndarray:
        seen = windows(view.colour, xy)
        return np.minimum(self._first.compare(seen), self._recent.compare(seen))

    def _candidates(self, view: View) -> tuple[Candidates, Float32[np.ndarray, "n 2"]]:
        """All candidates, and what each point's neighbours say about its motion."""
        S, last, size = self._set, self._past[0], view.size
        rows = self._flows(view)
        flowed, _, _, good = rows[0]
        self._camera.follow(view.colour, flowed, good, self._bound, self._first)
        away = self._camera.xy - last.xy
        trust = (good * (1.02 - self._flat)).astype(np.float32)
        drift = self._neighbours.motion(
            flowed - last.xy, trust, away, self._bound.astype(np.float32)
        )
        heard = drift.any(1) | self._bound
        drift = np.where(heard[:, None], drift, FADING * self._drift).astype(np.float32)
        self._drift = drift
        full = np.ones(len(drift), np.float32)
        rows.append((last.xy + drift, S.round_trip * full, last.variance + 0.25, full > 0))
        rows.append((self._camera.xy, 0 * full, 0.1 * full, self._bound))
        xy, error, variance, allowed = (np.stack(part) for part in zip(*rows, strict=True))
        return Candidates(xy, error, variance, allowed & coords.inside(xy, size)), drift

    def _flows(self, view: View) -> list[tuple[np.ndarray, ...]]:
        """(xy, error, variance, allowed) of each distance; the flows are computed side by side."""
        S = self._set
        states = [(d, self._past[d - 1]) for d in S.distances if d <= len(self._past)]
        rows: list[tuple[np.ndarray, ...]] = []
        pairs = [
            self._pool.submit(flow_pair, state.view.grey, view.grey)
            if distance == 1
            else self._pool.submit(flow_pair, state.view.half, view.half)
            for distance, state in states
        ]
        for pair, (_, state) in zip(pairs, states, strict=True):
            xy, error = advance(pair.result(), state.xy, view.size)
            good = state.seen & (error < S.round_trip)
            rows.append((xy, error, state.variance + 0.01 + np.square(0.3 * error), good))
        return rows

    def _cost(
        self, candidates: Candidates, mismatch: np.ndarray, drift: np.ndarray
    ) -> Float32[np.ndarray, "c n"]:
        stray = np.linalg.norm(candidates.xy - self._past[0].xy - drift, axis=-1)
        cost = (
            np.minimum(mismatch, 3)
            + 0.5 * np.square(candidates.error / self._set.round_trip)
            + (0.2 + self._flat) * np.minimum(stray / 3, 2)
            + 0.3 * np.minimum(np.sqrt(candidates.variance), 3)
        )
        cost[-1] -= 0.3 * self._flat  # without texture, the camera is the better guess
        return np.where(candidates.allowed, cost, 1e3)

    def _witnesses(self, candidates: Candidates, pick: np.ndarray) -> np.ndarray:
        """How many flows lead to the place that was picked."""
        place = candidates.xy[pick, np.arange(len(pick))]
        near = np.linalg.norm(candidates.xy[:-2] - place, axis=-1) < 1
        return (near & candidates.allowed[:-2]).sum(0)

    def _refine(self, view: View, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Settle on the recent window, then on the first if certain: (xy, on the first)."""
        S = self._set
        settled = self._recent.refine(view.colour, xy)
        better = self._recent.mismatch(view.colour, settled) < self._mismatch(view, xy)
        better &= np.linalg.norm(settled - xy, axis=-1) < S.reach
        start = np.where(better[:, None], settled, xy)
        settled = self._first.refine(view.colour, start)
        sure = self._first.mismatch(view.colour, settled) < S.same
        sure &= np.linalg.norm(settled - xy, axis=-1) < S.reach
        return np.where(sure[:, None], settled, start), sure

    def _stays(
        self,
        view: View,
        xy: np.ndarray,
        looks: np.ndarray,
        camera_looks: np.ndarray,
    ) -> Bool[np.ndarray, " n"]:
        """Which points that strayed from the camera's motion go back to it; the others leave it."""
        S = self._set
        off = np.linalg.norm(xy - self._camera.xy, axis=-1) > S.leave
        off &= self._bound & (looks < S.alike)
        leaves = off & (camera_looks > looks + S.evidence)
        asked = np.flatnonzero(leaves)
        if len(asked):
            then = self._past[min(S.back, len(self._past)) - 1]
            here = xy[asked]
            before = project(then.pose @ np.linalg.inv(self._camera.pose), here)
            unlike = Templates.at(view.colour, here).mismatch(then.view.colour, before)
            leaves[asked] = unlike > S.changed
        self._bound = self._bound & ~leaves
        return off & ~leaves

    def _leave_in_company(self, candidates: Candidates) -> bool:
        """Let points whose flow leaves the camera, as their neighbours did, leave it; if any do."""
        S = self._set
        away = np.linalg.norm(candidates.xy[0] - self._camera.xy, axis=-1) > S.leave
        away &= candidates.allowed[0] & self._bound
        left = ~self._bound & self._past[0].seen
        for _ in range(S.spread):
            left |= away & (self._neighbours.share(left) > S.company)
        leaves = left & self._bound
        self._bound = self._bound & ~leaves
        return bool(leaves.any())

    def _learn(
        self, view: View, xy: np.ndarray, last: State, seen: np.ndarray, firm: np.ndarray
    ) -> None:
        self._neighbours.remember(xy - last.xy, seen & last.seen)
        self._age += 1
        renew = seen & firm & (self._age >= self._set.refresh)
        if renew.any():
            self._recent.take(renew, Templates.at(view.colour, xy[renew]))
            self._age[renew] = 0

    def _look_for(self, view: View, xy: np.ndarray) -> np.ndarray:
        """Search for points that left the camera, are hidden and have texture, each in its turn."""
        turn = (np.arange(len(xy)) + self._hidden) % 3 == 0
        lost = (self._hidden > 1) & ~self._bound & (self._flat < FLAT) & (self._sure == 0) & turn
        lost &= coords.inside(xy, view.size)
        for n in np.flatnonzero(lost):
            reach = 6 + 2 * int(self._hidden[n])
            for templates in (self._recent, self._first):
                found = search(view.colour, templates, int(n), xy[n], reach)
                if found is not None:
                    xy[n] = found
                    break
        return xy


def multi_tracker() -> FollowingTracker:
    """The tracker called "flow"."""
    return FollowingTracker("flow", frame_by_frame(MultiFollower), asdict(Settings()))
