"""`nearest:POOL?clips=N&encoder=NAME&seed=N`: the futures of the training clips most like a case.

POOL is `worlds:FAMILY`, a folder of shards, or the folder of a run: the clips it was trained on.
Histories are compared by their motion, single images by their picture. An index is made when a case
first asks for it, and kept in kinecast's home under a hash of all it depends on.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from kinecast.bench.case import Case
from kinecast.bench.pools import SEED, Pool, pool
from kinecast.bench.readers.options import Options, parse
from kinecast.core.tracks import Tracks
from kinecast.forecast import nearest as motion
from kinecast.forecast import nearest_image as pictures
from kinecast.forecast.nearest import HistoryIndex
from kinecast.forecast.nearest_image import ImageIndex, encoder_of
from kinecast.io.home import home

OPTIONS = (
    "clips=N at most",
    "encoder=pixels or a DINOv2 of pictures",
    "seed=N of simulated worlds",
)
Index = TypeVar("Index", HistoryIndex, ImageIndex)


class Nearest:
    """Neighbours in a pool.

    Args:
        clips: the pool.
        encoder: of pictures.
    """

    def __init__(self, clips: Pool, encoder: str = "pixels") -> None:
        self.name = f"nearest@{clips.name}"
        self._pool, self._encoder = clips, encoder
        self._held: dict[str, HistoryIndex | ImageIndex] = {}

    @cached_property
    def _facts(self) -> dict[str, Any]:
        facts = {"kind": "nearest", **self._pool.facts()}
        if self._pool.pictures:
            facts |= {"encoder": self._encoder, "encoder_sha256": encoder_of(self._encoder).digest}
        return facts

    def facts(self) -> dict[str, Any]:
        """The pool, and what clips are compared by."""
        return dict(self._facts)

    def refuses(self, case: Case) -> str | None:
        """A case that shows nothing the pool could be compared by.

        The index is made here: forecasts are timed.
        """
        if self._by_motion(case):
            self._of_motion()
            return None
        if not self._pool.pictures:
            return "takes a history in which points are seen to move"
        if case.frame is None:
            return "takes an image"
        self._of_pictures(case)
        return None

    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """K futures, or as many as the pool has clips."""
        if self._by_motion(case):
            moving = self._of_motion()
            return moving.forecast(case.history, case.horizon, min(k, len(moving)))
        assert case.frame is not None
        index = self._of_pictures(case)
        count = min(k, len(index))
        return index.forecast(case.frame.image, case.points(), case.horizon, count)

    def _by_motion(self, case: Case) -> bool:
        return self._pool.moves and bool((case.history.visible.sum(axis=0) > 1).any())

    def _of_motion(self) -> HistoryIndex:
        past, frames = self._pool.window()

        def make() -> HistoryIndex:
            return HistoryIndex.build(self._pool.moving(), past, frames, self.facts())

        facts = {"past": past, "frames": frames, "points": motion.POINTS, "lags": motion.LAGS}
        return self._index(HistoryIndex, facts, make)

    def _of_pictures(self, case: Case) -> ImageIndex:
        """Of clips as long as the case and, where worlds are simulated, of its size."""
        size, frames = case.size, case.horizon

        def make() -> ImageIndex:
            clips = self._pool.pictured(size, frames + 1)
            return ImageIndex.build(clips, frames, self._encoder, self.facts())

        facts = {"size": size, "frames": frames, "points": pictures.POINTS, "cells": pictures.CELLS}
        return self._index(ImageIndex, facts, make)

    def _index(self, kind: type[Index], facts: dict[str, Any], make: Callable[[], Index]) -> Index:
        """The index that these facts decide, made where there is none."""
        text = json.dumps({"kind": kind.__name__, **self.facts(), **facts}, sort_keys=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        found = self._held.get(key)
        if found is None:
            path: Path = home() / "cache" / "nearest" / f"{key}.safetensors"
            if path.is_file():
                found = kind.load(path)
            else:
                found = make()
                found.save(path)
            self._held[key] = found
        assert isinstance(found, kind)
        return found


def nearest(spec: str, device: str) -> Nearest:
    """Neighbours in the pool of that name.

    Raises:
        UserError: no such pool, or an option that is none.
    """
    place, stated = parse(spec)
    options = Options(stated, OPTIONS, "nearest")
    seed = options.whole("seed", SEED)
    assert seed is not None
    clips = pool(place, options.whole("clips", least=1), seed)
    return Nearest(clips, options.text("encoder", "pixels"))
