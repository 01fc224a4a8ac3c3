"""Clips of gliding layers whose tracks are other than exact: estimated, or with some left out.

They are written as shards, which recipes train on as on any; scores are taken on exact tracks.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from kinecast.core import rng
from kinecast.core.clip import Clip
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.gliding import glide
from kinecast.data.layers import FPS, Kind, LayeredSource
from kinecast.data.shards import write_shard
from kinecast.data.shards.schema import SUFFIX
from kinecast.data.track import track
from kinecast.train.image_sources import grid_of
from kinecast.train.recipe import ImageData, Recipe

DROPPED = 0.5  # share of a clip's tracks that "dropout" leaves out
HELD_OUT = 1.12  # clips made for each that is trained on: a tenth of a shard is held out
_DROPOUT = 16  # key of the draw


def shards(kind: str, recipe: Recipe) -> None:
    """Write the clips of the recipe's seed under `data.shards`, unless they are there.

    Args:
        kind: a key of `SUPERVISION`.
        recipe: its data are of one family of `data.gliding`.
    """
    data = recipe.data
    assert isinstance(data, ImageData)
    path = Path(data.shards) / f"{kind}{SUFFIX}"
    if not path.exists():
        count = round(HELD_OUT * data.clips)
        write_shard(path, _clips(data, kind, recipe.seed, count), about={"supervision": kind})


def glided(data: ImageData, seed: int, index: int) -> Clip:
    """Clip `index` of the data's family with its video and exact tracks of the grid."""
    family, grid = data.families[index % len(data.families)], grid_of(data)
    scene = glide(family, seed, index, frames=data.frames, size=data.size)
    xy, visible = scene.follow(grid.points().reshape(-1, 2))
    name = f"{family}-{seed}-{index}"
    source = LayeredSource(scene.layers, scene.frames, scene.size, Kind(), scene.seed)
    tracks = Tracks(
        xy=xy,
        visible=visible,
        size=data.size,
        query_frame=np.zeros(grid.count, np.int64),
        fps=FPS,
        grid=grid,
        source={"tracker": "exact", "clip": name},
    )
    return Clip(tracks, Video(source, name), scene.text, name)


def _clips(data: ImageData, kind: str, seed: int, count: int) -> Iterator[Clip]:
    for index in range(count):
        clip = glided(data, seed, index)
        yield replace(clip, tracks=SUPERVISION[kind](clip, seed, index))


def _estimated(tracker: str, clip: Clip, seed: int, index: int) -> Tracks:
    assert clip.video is not None
    return track(clip.video, grid=clip.tracks.grid, tracker=tracker)


def _fewer(clip: Clip, seed: int, index: int) -> Tracks:
    draw = rng.generator(seed, _DROPOUT, index)
    count = round((1 - DROPPED) * clip.tracks.count)
    order = torch.randperm(clip.tracks.count, generator=draw).numpy()
    return _some(clip.tracks, np.sort(order[:count]))


def _never_hidden(clip: Clip, seed: int, index: int) -> Tracks:
    return _some(clip.tracks, np.flatnonzero(clip.tracks.visible.all(0)))


def _some(tracks: Tracks, keep: np.ndarray) -> Tracks:
    assert tracks.query_frame is not None
    return replace(
        tracks,
        xy=tracks.xy[:, keep],
        visible=tracks.visible[:, keep],
        query_frame=tracks.query_frame[keep],
        grid=None,
    )


def _exact(clip: Clip, seed: int, index: int) -> Tracks:
    return clip.tracks


SUPERVISION: dict[str, Callable[[Clip, int, int], Tracks]] = {
    "exact": _exact,
    "flow": partial(_estimated, "flow"),
    "lk": partial(_estimated, "lk"),
    "dropout": _fewer,
    "never hidden": _never_hidden,
}
