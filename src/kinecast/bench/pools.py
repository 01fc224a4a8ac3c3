"""Training clips that neighbours are looked up in: simulated worlds, shards, or those of a run."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from kinecast.core.clip import Clip
from kinecast.core.coords import REFERENCE_SIZE, Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data import gliding, layers, reach, synth
from kinecast.data.shards import open_shard
from kinecast.data.shards.schema import SUFFIX
from kinecast.data.synth.sim.registry import RENDERED
from kinecast.forecast.nearest_store import spread

Pictured = tuple[UInt8[np.ndarray, "H W 3"], Clip]

WORLDS = "worlds:"
RECIPE = "recipe.json"  # of a run's folder (`train.run`)
REACH = "reach"
WINDOW = 81  # frames of history, and of future, of simulated worlds
STRIDE = 64.0  # of their points: neighbours need no more
AT_ONCE = 32  # clips simulated at a time
SEED = 0  # that recipes are trained with by default


class Pool(ABC):
    """Clips, lazily and always the same.

    Attributes:
        name: for tables.
        moves, pictures: whether clips have a past to compare, and first pictures.
    """

    name: str
    moves: bool
    pictures: bool

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What decides the clips; JSON-able."""

    @abstractmethod
    def window(self) -> tuple[int, int]:
        """Frames of past and of future that `moving` clips have."""

    @abstractmethod
    def moving(self) -> Iterator[Clip]:
        """Clips to compare motion with."""

    @abstractmethod
    def pictured(self, size: Size, frames: int) -> Iterator[Pictured]:
        """Clips of `frames` frames and their first picture; of `size` where it can be chosen."""


@dataclass(frozen=True)
class WorldsPool(Pool):
    """Simulated clips of families in equal parts.

    Attributes:
        families: of one kind.
        clips: how many.
        seed: of the worlds.
    """

    families: tuple[str, ...]
    clips: int
    seed: int = SEED

    @property
    def name(self) -> str:  # type: ignore[override]  # a field of its base
        """The families."""
        return "+".join(self.families)

    @property
    def moves(self) -> bool:  # type: ignore[override]
        """Worlds without pictures."""
        return not self.pictures

    @property
    def pictures(self) -> bool:  # type: ignore[override]
        """Gliding and rendered ones."""
        return _pictured(self.families[0])

    def facts(self) -> dict[str, Any]:
        """Also a hash of the source of the simulators: other worlds, other clips."""
        return {
            "worlds": list(self.families),
            "clips": self.clips,
            "seed": self.seed,
            "source_sha256": _source(),
        }

    def window(self) -> tuple[int, int]:
        """As recipes of histories have it."""
        return WINDOW, WINDOW

    def moving(self) -> Iterator[Clip]:
        """Points laid in the first frame."""
        grid = Grid.over(REFERENCE_SIZE, STRIDE)
        for family, count in self._shares():
            for start in range(0, count, AT_ONCE):
                n = min(AT_ONCE, count - start)
                worlds = synth.generate(
                    family, seed=self.seed, n=n, start=start, frames=2 * WINDOW, grid=grid
                )
                for i in range(n):
                    yield worlds.clip(i)

    def pictured(self, size: Size, frames: int) -> Iterator[Pictured]:
        """Points laid in the first frame; the first view of those that have several."""
        for family, count in self._shares():
            for index in range(count):
                yield _picture(family, self.seed, index, size, frames)

    def _shares(self) -> Iterator[tuple[str, int]]:
        edges = [i * self.clips // len(self.families) for i in range(len(self.families) + 1)]
        for family, a, b in zip(self.families, edges, edges[1:], strict=False):
            yield family, b - a


@dataclass(frozen=True)
class ShardsPool(Pool):
    """Clips of shards: the first half is the past.

    Attributes:
        name: of the folder.
        paths: the shards.
        clips: at most so many, spread over all.
    """

    name: str
    paths: tuple[Path, ...]
    clips: int
    moves: bool = True

    @cached_property
    def pictures(self) -> bool:  # type: ignore[override]  # a field of its base
        """Whether all of them keep first pictures."""
        return all(open_shard(path).pictures != "none" for path in self.paths)

    def facts(self) -> dict[str, Any]:
        """Hashes of the shards."""
        return {"shards": [open_shard(path).digest for path in self.paths], "clips": self.clips}

    @cached_property
    def _shortest(self) -> int:
        return min(min(open_shard(path).frames) for path in self.paths)

    def window(self) -> tuple[int, int]:
        """Halves of the shortest clip."""
        return self._shortest // 2, self._shortest - self._shortest // 2

    def moving(self) -> Iterator[Clip]:
        """All, or some of each shard."""
        sizes = [len(open_shard(path)) for path in self.paths]
        chosen = spread(sum(sizes), self.clips)
        first = 0
        for path, size in zip(self.paths, sizes, strict=True):
            shard = open_shard(path)
            for i in chosen[(chosen >= first) & (chosen < first + size)] - first:
                yield shard[int(i)]
            first += size

    def pictured(self, size: Size, frames: int) -> Iterator[Pictured]:
        """The same clips, of their own size and length."""
        for clip in self.moving():
            if clip.video is None:
                raise UserError(f"expected a picture of clip {clip.id} in {self.name}, got none")
            yield clip.video[0:1][0], clip


def pool(place: str, clips: int | None, seed: int = SEED) -> Pool:
    """The pool of `worlds:FAMILY` (or FAMILY+FAMILY), a folder of shards, a shard, or a run.

    A run's folder stands for the clips of its recipe: its shards, or worlds of its families.

    Args:
        place: as above.
        clips: at most so many; None: those of the run, or 2,000 (200 of rendered worlds).
        seed: of worlds.

    Raises:
        UserError: nothing of these, or families of several kinds.
    """
    if place.startswith(WORLDS):
        return _worlds(tuple(place.removeprefix(WORLDS).split("+")), clips, seed)
    path = Path(place)
    if (path / RECIPE).is_file():
        recipe = json.loads((path / RECIPE).read_text("utf-8"))
        data = recipe["data"]
        if data["shards"]:
            return pool(data["shards"], clips)
        return _worlds(tuple(data["families"]), clips or data["clips"], recipe["seed"])
    paths = (path,) if path.is_file() else tuple(sorted(path.glob(f"*{SUFFIX}")))
    if not paths:
        raise UserError(
            f"expected {WORLDS}FAMILY, a folder of shards (*{SUFFIX}), a shard or the folder of a "
            f"run ({RECIPE}), got {place!r}"
        )
    return ShardsPool(path.stem, paths, clips or 2_000)


def _worlds(families: tuple[str, ...], clips: int | None, seed: int) -> WorldsPool:
    known = ["mix", *synth.FAMILIES, *gliding.GLIDING, REACH, *RENDERED]
    for family in families:
        if family not in known:
            raise UserError(
                f"expected families of {', '.join(known)}, got {family!r}"
                f"{did_you_mean(family, known)}"
            )
    if len({_pictured(family) for family in families}) > 1:
        raise UserError(
            f"expected families with pictures or families without, got {'+'.join(families)}"
        )
    usual = 200 if any(family in RENDERED for family in families) else 2_000
    return WorldsPool(families, clips or usual, seed)


def _pictured(family: str) -> bool:
    return family in gliding.GLIDING or family == REACH or family in RENDERED


def _picture(family: str, seed: int, index: int, size: Size, frames: int) -> Pictured:
    if family in RENDERED:
        from kinecast.data.synth.sim.film import film  # MuJoCo

        clip = film(family, seed=seed, index=index, frames=frames, size=size).clip()
        assert clip.video is not None
        return clip.video[0:1][0], clip
    scene: Any = (
        reach.reach(seed, index, frames=frames, size=size)
        if family == REACH
        else gliding.glide(family, seed, index, frames=frames, size=size)
    )
    grid = Grid.over(size)
    xy, visible = scene.follow(grid.points().reshape(-1, 2))
    clip = Clip(Tracks(xy, visible, size, grid=grid), id=f"{family}/{seed}/{index}")
    return scene.picture(), clip


def _source() -> str:
    digest = hashlib.sha256()
    modules: Sequence[Any] = (gliding, layers, reach)
    files = [Path(module.__file__) for module in modules]
    for path in [*files, *sorted(Path(synth.__file__).parent.rglob("*.py"))]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
