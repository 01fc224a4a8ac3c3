"""WHN's Kubric benchmark from simulated worlds: 16 scenes, 64 futures of each from one first frame.

Source: WHN (arXiv 2509.21592): rollout folders movi_a_{rval|rood}_movi_a_..._{scene}-{rollout},
24 frames of 256x256, seeds RandomState(42).randint; "rval" is MOVi-A, "rood" has other shapes. The
original was made with Kubric; here MuJoCo simulates the same recipe, so that its numbers are to be
compared with those of this set only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from kinecast.core.errors import UserError
from kinecast.data.builders.base import Builder, Outcome, Report
from kinecast.data.synth.sim.film import Take, film
from kinecast.data.trackers import Tracker
from kinecast.io.image import write_image

SPLITS = {"rval": "movi-a", "rood": "movi-b"}
SEED = 42
MOST_ROLLOUTS = 65


@dataclass(frozen=True)
class Settings:
    """What may be chosen.

    Attributes:
        scenes, rollouts: how many, 16 and 64 as published.
        worlds: in distribution, out of distribution, or both.
        stride: pixels between points; 8 is WHN's query grid, 1 a dense map as in its shards.
        first: number of the first scene, so that several machines can share the work.
    """

    scenes: int = 16
    rollouts: int = 64
    worlds: Literal["rval", "rood", "both"] = "both"
    stride: int = 8
    first: int = 0


def rollout_seeds() -> list[int]:
    """The published seeds of rollouts 0, 1, ..."""
    # NumPy's legacy generator, because the benchmark states its draws
    draws = np.random.RandomState(SEED).randint(0, 2**32, MOST_ROLLOUTS, np.uint32)
    return [int(seed) for seed in draws]


def build(source: Path, folder: Path, settings: Settings, tracker: Tracker, report: Report) -> None:
    """Write a folder a rollout: its frames, tracks, flags, masks and queries.

    Raises:
        UserError: more rollouts than there are published seeds, or MuJoCo or GL is missing.
    """
    seeds = rollout_seeds()
    if settings.rollouts > len(seeds) or 0 in (settings.rollouts, settings.scenes, settings.stride):
        raise UserError(
            f"expected scenes, rollouts and stride of 1 or more and at most {len(seeds)} rollouts, "
            f"got scenes={settings.scenes}, rollouts={settings.rollouts}, stride={settings.stride}"
        )
    for split, family, scene, rollout in _rollouts(settings):
        name = folder_name(split, scene, rollout)
        take = film(family, seed=SEED, index=scene, future=seeds[rollout], stride=settings.stride)
        _write(folder / name, name, take)
        report(Outcome(name))


def folder_name(split: str, scene: int, rollout: int) -> str:
    """As published; the middle, which is not stated, is the size."""
    return f"movi_a_{split}_movi_a_256x256_{scene:06d}-{rollout:06d}"


def _rollouts(settings: Settings) -> Iterator[tuple[str, str, int, int]]:
    for split, family in SPLITS.items():
        if settings.worlds in (split, "both"):
            for scene in range(settings.first, settings.first + settings.scenes):
                for rollout in range(settings.rollouts):
                    yield split, family, scene, rollout


def _write(folder: Path, name: str, take: Take) -> None:
    folder.mkdir()
    view = take.views[0]
    tracks, grid = view.tracks, view.tracks.grid
    assert grid is not None  # film lays one
    for t, image in enumerate(view.pictures.rgb):
        write_image(folder / f"{name}_{t:02d}.png", image)
    T = len(tracks)
    np.save(folder / "trajectories.npy", tracks.xy.reshape(T, grid.h, grid.w, 2))
    np.save(folder / "visibility.npy", tracks.visible.reshape(T, grid.h, grid.w))
    np.save(folder / "segmentations.npy", view.pictures.things(take.poses)[..., None])
    pixels = np.floor(grid.points().reshape(-1, 2)).astype(np.int64)
    queries = torch.from_numpy(np.column_stack([np.zeros(len(pixels), np.int64), pixels]))
    torch.save(queries, folder / "q42_grid.pt")
    torch.save(queries[torch.from_numpy(view.thing > 0)], folder / "q42_obj.pt")


BUILDER = Builder(
    name="whn-kubric",
    about=(
        "WHN's Kubric benchmark, simulated: 16 scenes x 64 futures of one first frame, MOVi-A and "
        "other shapes, in WHN's rollout folders"
    ),
    needs="",
    settings=Settings(),
    build=build,
)
