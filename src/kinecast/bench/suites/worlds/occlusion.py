"""Worlds seen through a fence: bars in front of the lens hide most points most of the time.

The bars slide across the frame, so that nearly every point shows up now and then. They stay for the
future too. Points that the history never shows are not asked for: they are hidden in the truth.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.window import GRID, SIZE, Window, lots
from kinecast.core import rng
from kinecast.core.tracks import Tracks
from kinecast.data.synth import generate

SEED = 2_000_029
WINDOW = Window(81, 81)
_BARS = 1  # key of the bars' random numbers
_LOT = 8


def behind_bars(clips: int) -> list[Lot]:
    """Clips of the training mix."""
    return lots("occlusion", clips, _LOT, _cases)


def _cases(numbers: range) -> Iterator[Case]:
    worlds = generate(
        "mix",
        seed=SEED,
        n=len(numbers),
        start=numbers.start,
        frames=WINDOW.frames,
        size=SIZE,
        grid=GRID,
    )
    for i, number in enumerate(numbers):
        fenced = _fenced(worlds.clip(i).tracks, number)
        history, truth = fenced.split(WINDOW.history)
        yield Case(
            id=f"{worlds.ids[i]}/bars@{WINDOW.history}+{WINDOW.future}",
            group=WINDOW.group("behind bars"),
            history=history,
            truths=(truth,),
            about={
                "family": worlds.families[i],
                "seed": SEED,
                "hidden": round(1 - float(history.visible.mean()), 3),
            },
        )


def _fenced(tracks: Tracks, number: int) -> Tracks:
    """Each point is laid where it is first seen between the bars; never in the history: never."""
    visible = tracks.visible & ~_behind(tracks, number)
    visible &= visible[: WINDOW.history].any(0)
    query = np.where(visible.any(0), visible.argmax(0), -1)
    return replace(tracks, visible=visible, query_frame=query)


def _behind(tracks: Tracks, number: int) -> Bool[np.ndarray, "t n"]:
    """Where bars of 60 to 75 % of their spacing cover the points."""
    draw = torch.rand(5, generator=rng.generator(SEED, number, _BARS), dtype=torch.float64).tolist()
    spacing = tracks.size[0] * (0.12 + 0.13 * draw[0])
    cover = 0.60 + 0.15 * draw[1]
    speed = spacing / (20 + 20 * draw[2]) * (1 if draw[3] < 0.5 else -1)  # a bar in 20 to 40 frames
    time = np.arange(len(tracks))[:, None]
    place = tracks.xy[..., 0].astype(np.float64) - speed * time + draw[4] * spacing
    return np.asarray(place % spacing < cover * spacing)
