"""Simulated clips to train on."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import torch

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data import synth
from kinecast.train import checkpoint
from kinecast.train.chunk_pool import VALIDATION_SEED, Layout
from kinecast.train.history_pool import STEP_PX, HistoryPool, stored
from kinecast.train.once import made_once
from kinecast.train.recipe import Data


class WorldPool(HistoryPool):
    """Clips of simulated worlds."""

    def __init__(self, data: Data, seed: int, folder: Path) -> None:
        """Keep chunks in a sub-folder of `folder` named after what they depend on.

        Raises:
            UserError: a chunk holds fewer clips than it needs.
        """
        sizes = len(data.sizes)
        least = sizes * 2 * len(data.families)
        if data.chunk < least or data.clips < data.chunk:
            raise UserError(
                f"expected data.clips >= data.chunk >= {least} (each family from both anchors in "
                f"each frame size), got {data.clips} and {data.chunk}"
            )
        layout = Layout(data.clips // data.chunk, data.chunk // sizes, sizes, data.reuse)
        super().__init__(_digest(data, seed, data.chunk), data, seed, folder, layout)

    def _maker(self, number: int, path: Path) -> Callable[[], None]:
        start, clips = number * self.data.chunk, self.data.chunk
        return partial(_make_chunk, self.data, self.seed, start, clips, path)

    def _held_out(self, families: tuple[str, ...]) -> Path:
        data = replace(self.data, families=families)
        facts = _digest(data, VALIDATION_SEED, data.validation)
        path = self.home / f"validation-{facts}.safetensors"
        make = partial(_make_chunk, data, VALIDATION_SEED, 0, data.validation, path)
        made_once(path, make)
        return path


def _make_chunk(data: Data, seed: int, start: int, clips: int, path: Path) -> None:
    """Simulate clips [start, start + clips) of every size and write them as one file."""
    tensors = {}
    sizes = len(data.sizes)
    for index, size in enumerate(data.sizes):
        offsets, visible, anchors = [], [], []
        grid = Grid.over(size, data.stride)
        for part in _parts(data, start // sizes, clips // sizes):
            worlds = synth.generate(
                part.family,
                seed=seed * sizes + index,
                n=part.clips,
                start=part.start,
                frames=data.history + data.horizon + data.augment.margin,
                size=size,
                grid=grid,
                anchor=data.augment.margin // 2 + part.anchor,
                motion=Path(data.motion) if data.motion else None,
            )
            offsets.append(stored(worlds.xy, grid).cpu())
            visible.append(worlds.visible.cpu())
            anchors.append(torch.full((part.clips,), part.anchor))
        tensors[f"{index}.offset"] = torch.cat(offsets)
        tensors[f"{index}.anchor"] = torch.cat(anchors)
        tensors[f"{index}.visible"] = torch.cat(visible)
    checkpoint.save(path, tensors)


@dataclass(frozen=True)
class _Part:
    family: str
    anchor: int
    start: int
    clips: int


def _parts(data: Data, start: int, clips: int) -> Iterator[_Part]:
    """Split clips evenly over families and the two anchors: the first frame and the present."""
    kinds = [(f, anchor) for f in data.families for anchor in (0, data.history - 1)]
    for i, (family, anchor) in enumerate(kinds):
        first, last = (i * clips // len(kinds), (i + 1) * clips // len(kinds))
        if last > first:
            yield _Part(family, anchor, start + first, last - first)


def _digest(data: Data, seed: int, clips: int) -> str:
    """A name for all that the clips of a file depend on."""
    facts = {
        "worlds": _worlds_version(),
        "families": data.families,
        "seed": seed,
        "clips": clips,
        "history": data.history,
        "horizon": data.horizon,
        "sizes": data.sizes,
        "stride": data.stride,
        "motion": data.motion,
        "margin": data.augment.margin,
        "step": STEP_PX,
    }
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


@cache
def _worlds_version() -> str:
    """A hash of the generator's source: other worlds, other files."""
    root = Path(synth.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
