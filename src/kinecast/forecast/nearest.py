"""Nearest neighbours: the futures of the training clips that moved most like this one.

A clip is near if every point of the history finds a point in it that moved alike and lies alike:
the distance is the mean over the history's points of that to the best match. So clips of any grid
and size compare, and the points of one thing, which move alike, find one thing. Each of the K
nearest clips is a sample: every point goes on as its match did, from where it was itself last seen.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast.guess import fill_hidden, nearest_seen
from kinecast.forecast.nearest_store import (
    Future,
    Futures,
    future_of,
    load_index,
    places,
    save_index,
    spread,
    to_reference,
)

KIND = "history"
LAGS = (1, 2, 4, 8, 16, 32, 64)  # frames, of the displacements that are compared
PLACE = 0.04  # what a reference pixel between two places counts beside one between two motions
POINTS = 96  # kept of a clip
ASKED = 64  # of the history, at most, that decide which clips are near
AT_ONCE = 1 << 23  # distances held at once


@dataclass(frozen=True, eq=False)
class HistoryIndex:
    """Training clips, by how their points moved up to a moment of theirs.

    Attributes:
        moved: see `_moved`; of all points and lags.
        futures: what came after that moment.
        about: where the clips are from; JSON-able.
    """

    moved: Float32[np.ndarray, "c p e"]
    futures: Futures
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.futures)

    @classmethod
    def build(
        cls, clips: Iterable[Clip], past: int, frames: int, about: Mapping[str, Any] | None = None
    ) -> "HistoryIndex":
        """Index clips as they come: about 40 KB are kept of each (96 points, 81 frames).

        Args:
            clips: the moment is the end of their first `past` frames. Those of fewer than
                `past + frames` frames, or of which nothing is seen then, are left out.
            past: >= 2.
            frames: of the future, >= 1.
            about: where they are from.

        Raises:
            UserError: no clip is left, or frames that make no clip.
        """
        if past < 2 or frames < 1:
            raise UserError(
                f"expected a past of at least 2 frames and a future of 1, got {past} and {frames}"
            )
        rows: list[tuple[Float32[np.ndarray, "p e"], Future]] = []
        for clip in clips:
            if len(clip.tracks) < past + frames:
                continue
            points = np.flatnonzero(clip.tracks.visible[past - 1])
            if len(points):
                some = np.resize(points[spread(len(points), POINTS)], POINTS)
                moved, _ = _moved(clip.tracks.window(0, past))
                future = future_of(clip.tracks, past - 1, frames, some, clip.id)
                rows.append((moved[some], future))
        if not rows:
            raise UserError(
                f"expected clips of at least {past + frames} frames to find neighbours in, got none"
            )
        moves = np.stack([moved for moved, _ in rows])
        return cls(moves, Futures.of([future for _, future in rows]), about or {})

    def save(self, path: str | Path) -> None:
        """Write it whole or not at all, as .safetensors; the same clips give the same bytes."""
        save_index(path, KIND, self.futures, self.moved, self.about)

    @classmethod
    def load(cls, path: str | Path) -> "HistoryIndex":
        """The index of a file.

        Raises:
            UserError: no such index, or a damaged file.
        """
        futures, moved, about = load_index(path, KIND)
        return cls(moved, futures, about)

    def forecast(self, history: Tracks, horizon: int, k: int = 8) -> list[Tracks]:
        """K futures, that of the nearest clip first; always the same.

        Beyond the frames that the index holds, each goes on as what is nearest to itself. A point
        that was never seen holds still, hidden.

        Args:
            history: of two frames or more; only visible positions are read.
            horizon: frames.
            k: at most the number of clips.

        Raises:
            UserError: no point is seen twice in the history, or numbers that ask for nothing.
        """
        if horizon < 1 or not 1 <= k <= len(self):
            raise UserError(
                f"expected a horizon of at least 1 frame and 1 to {len(self)} samples (the clips "
                f"of the index), got {horizon} and {k}"
            )
        futures = self._window(history, min(horizon, self.futures.frames), k)
        return [self._prolonged(future, history, horizon) for future in futures]

    def _prolonged(self, future: Tracks, history: Tracks, horizon: int) -> Tracks:
        known = np.asarray(history.visible.any(axis=0))
        while len(future) < horizon:
            past = replace(future, visible=np.broadcast_to(known, future.visible.shape))
            frames = min(horizon - len(future), self.futures.frames)
            (more,) = self._window(past, frames, 1)
            xy, seen = (
                np.concatenate([getattr(future, n), getattr(more, n)]) for n in ("xy", "visible")
            )
            future = replace(future, xy=xy, visible=seen)
        return future

    def _window(self, history: Tracks, horizon: int, k: int) -> list[Tracks]:
        moved, known = _moved(history)
        last = nearest_seen(history.visible)[0][-1]
        ever, twice = last >= 0, known.any(axis=1)
        if not twice.any():
            raise UserError(
                "expected a history in which points are seen to move, got one in which none is "
                "seen twice; forecast from more frames"
            )
        here = fill_hidden(history)[-1]
        asked = _Asked.of(moved, known, places(here, history.size))
        some = np.flatnonzero(twice)
        some = some[spread(len(some), ASKED)]
        hidden = np.where(ever, len(history) - 1 - last, 0)
        futures = []
        for clip in np.argsort(self._distances(asked.rows(some)), kind="stable")[:k]:
            match = self._between(asked, slice(clip, clip + 1))[:, 0].argmin(axis=1)
            xy, seen = self.futures.follow(here, history.size, clip, match, horizon, hidden)
            futures.append(
                Tracks(
                    xy=np.where(ever[:, None], xy, here).astype(np.float32),
                    visible=seen & ever,
                    size=history.size,
                    fps=history.fps,
                    grid=history.grid,
                    source={"neighbour": self.futures.ids[clip]},
                )
            )
        return futures

    def _distances(self, asked: "_Asked") -> Float32[np.ndarray, " c"]:
        """Of every clip: mean over the points asked for of the distance to the best match."""
        step = max(1, AT_ONCE // (len(asked.value) * self.moved.shape[1]))
        parts = []
        for start in range(0, len(self), step):
            squares = self._between(asked, slice(start, start + step)).min(axis=2)
            parts.append(np.sqrt(squares).mean(axis=0))
        return np.concatenate(parts)

    def _between(self, asked: "_Asked", clips: slice) -> Float32[np.ndarray, "m c p"]:
        """Squared distances of points to all points of some clips.

        Mean over the lags that are known, plus that of the places. Written out as
        a^2 - 2 a b + b^2 it is two matrix products.
        """
        place = PLACE * self.futures.place[clips]
        b = np.concatenate([self.moved[clips], place], axis=-1).reshape(-1, asked.value.shape[1])
        a, weight = asked.value, asked.weight
        squares = (weight * a * a).sum(1)[:, None] - 2 * (weight * a) @ b.T + weight @ (b * b).T
        return np.maximum(squares, 0).reshape(len(a), -1, self.moved.shape[1])


@dataclass(frozen=True, eq=False)
class _Asked:
    """Points to find matches of.

    Attributes:
        value: displacements of all lags, and the place.
        weight: of each: 0 where it is not known.
    """

    value: Float32[np.ndarray, "m e"]
    weight: Float32[np.ndarray, "m e"]

    @classmethod
    def of(
        cls,
        moved: Float32[np.ndarray, "n e"],
        known: Bool[np.ndarray, "n l"],
        place: Float32[np.ndarray, "n 2"],
    ) -> "_Asked":
        """Points by what is known of them."""
        shares = known / np.maximum(known.sum(axis=1, keepdims=True), 1)
        weight = np.concatenate([shares.repeat(2, axis=1), np.ones_like(place)], axis=1)
        value = np.concatenate([moved, PLACE * place], axis=1)
        return cls(value, weight.astype(np.float32))

    def rows(self, which: Int[np.ndarray, " m"]) -> "_Asked":
        """Some of the points."""
        return _Asked(self.value[which], self.weight[which])


def _moved(
    history: Tracks,
) -> tuple[Float32[np.ndarray, "n e"], Bool[np.ndarray, "n l"]]:
    """How each point got to where it was last seen, and which lags that is known of.

    Displacements over each lag in reference pixels, over the root of the lag (a random walk is as
    far at any lag), their lengths r made log(1 + r): two wild motions are alike, two slow ones not.
    """
    last = nearest_seen(history.visible)[0][-1]
    first = np.argmax(history.visible, axis=0)
    points = np.arange(history.count)
    xy = fill_hidden(history)
    here = xy[np.maximum(last, 0), points]
    moved, known = [], []
    for lag in LAGS:
        before = last - lag
        step = to_reference(here - xy[np.maximum(before, 0), points], history.size) / lag**0.5
        length = np.linalg.norm(step, axis=-1, keepdims=True)
        moved.append(step * np.log1p(length) / np.maximum(length, 1e-6))
        known.append((before >= first) & (last >= 0))
    values = np.concatenate(moved, axis=1).astype(np.float32)
    mask = np.stack(known, axis=1)
    return np.where(mask.repeat(2, axis=1), values, 0), mask
