"""`micro`: three tiny cases, one of every sort: a history, an image with pokes, many futures.

Seconds, to try the commands and one's own contestant on; no number of it means anything.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.core import rng
from kinecast.core.cond import Frame, Pokes
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.layers import (
    KINDS,
    Layer,
    LayerDraws,
    LayeredSource,
    Motion,
    exact_tracks,
)

SIZE = (192, 128)
FRAMES = 12  # of a history, and as many of future
GRID = Grid.over(SIZE, 16.0)
SQUARE = Grid(10, 10, 12.0, (10.0, 10.0))
SEED = 3
SLOWNESS = 60  # frames that the layers take for their whole way
SPEEDS = (1.0, -0.5, 0.4, -1.0)  # of the futures of one first frame
PROTOCOL = {
    "k": 4,
    "seed": 0,
    "seconds": [0.2],
    "queries": "8x12 points of a regular grid, or 10x10, in the first frame",
    "resolution": "192x128",
    "frames": "12 -> 12, or 1 -> 12",
    "stride": 1,
    "tracker": "none: truth is exact",
}


def suite() -> Suite:
    """Version 1."""
    return Suite(
        name="micro",
        version=1,
        about="three tiny cases, seconds",
        protocol=PROTOCOL,
        lots=_lots,
        sizes=("mini",),
    )


def _lots(size: str, data: Path | None) -> list[Lot]:
    return [Lot(make.__name__.strip("_"), make) for make in (_history, _poked, _futures)]


def _history() -> Iterator[Case]:
    """Layers move; a history of half of the clip is seen."""
    layers = _layers("affine")
    tracks, video = _film(layers, "affine", 2 * FRAMES, GRID)
    history, truth = tracks.split(FRAMES)
    yield Case(
        id=f"affine/{SEED}",
        group=f"layers, {FRAMES} -> {FRAMES}",
        history=history,
        truths=(truth,),
        frame=Frame(video[FRAMES - 1 : FRAMES][0]),
        objects=_objects(layers, GRID),
        video=video,
        timed=True,
    )


def _poked() -> Iterator[Case]:
    """One picture is seen, and where four points of the layers end."""
    layers = _layers("translation")
    tracks, video = _film(layers, "translation", FRAMES + 1, GRID)
    history, truth = tracks.split(1)
    objects = _objects(layers, GRID)
    on_things = np.flatnonzero((objects >= 0) & truth.visible[-1])
    poked = on_things[:: max(1, len(on_things) // 4)][:4]
    ends = np.ones(len(poked), np.float32)
    yield Case(
        id=f"translation/{SEED}/poked",
        group=f"an image and pokes, 1 -> {FRAMES}",
        history=history,
        truths=(truth,),
        frame=Frame(video[0:1][0]),
        pokes=Pokes(history.xy[0, poked], truth.xy[-1, poked], ends),
        poked=poked,
        text="three things move",
        objects=objects,
        video=video,
    )


def _futures() -> Iterator[Case]:
    """One picture is seen, from which the layers move in four ways."""
    layers = _layers("translation")
    ways = [[_at_speed(layer, speed) for layer in layers] for speed in SPEEDS]
    films = [_film(way, "translation", FRAMES + 1, SQUARE) for way in ways]
    (tracks, video), *_ = films
    yield Case(
        id=f"translation/{SEED}/futures",
        group=f"many futures, 1 -> {FRAMES}",
        history=tracks.window(0, 1),
        truths=tuple(future.window(1, FRAMES + 1) for future, _ in films),
        frame=Frame(video[0:1][0]),
        objects=_objects(layers, SQUARE),
        video=video,
        about={"k": len(SPEEDS)},
    )


def _layers(kind: str) -> list[Layer]:
    """They go on where the case ends."""
    draws = LayerDraws(rng.generator(SEED, list(KINDS).index(kind)), SIZE, SLOWNESS)
    return draws.layers(KINDS[kind])


def _film(layers: list[Layer], kind: str, frames: int, grid: Grid) -> tuple[Tracks, Video]:
    video = Video(LayeredSource(layers, frames, SIZE, KINDS[kind], SEED), kind)
    return exact_tracks(layers, frames, SIZE, grid, 0), video


def _at_speed(layer: Layer, speed: float) -> Layer:
    motion = layer.motion
    assert isinstance(motion, Motion)
    return replace(
        layer, motion=replace(motion, rate=speed * motion.rate, swing=speed * motion.swing)
    )


def _objects(layers: list[Layer], grid: Grid) -> np.ndarray:
    """The nearest layer that covers each point in the first frame; the background is -1."""
    on = np.full(grid.count, -1, np.int64)
    points = grid.points().reshape(-1, 2).astype(np.float64)
    for index, layer in enumerate(layers[1:]):
        on[layer.covers(points, 0)] = index
    return on
