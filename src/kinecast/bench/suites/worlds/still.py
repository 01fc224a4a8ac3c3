"""A still image: nothing moves, and a forecaster should say so.

Twice: as it is, one picture again and again; and as a camera and a tracker would have it, with
noise on the picture and `synth.augment.tracker_noise` of default strength on the history. The truth
of both stands still. An error here is motion that was made up.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import UInt8

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.window import Window, lots
from kinecast.core import rng
from kinecast.core.cond import Frame
from kinecast.core.coords import Size
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data.gliding import glide
from kinecast.data.layers import FPS
from kinecast.data.synth.augment import tracker_noise

SEED = 2_000_039
SIZE: Size = (416, 240)
WINDOW = Window(24, 24)
NOISE = 2.0  # levels of 255, of the noisy pictures
_PICTURE, _TRACKS = 1, 2  # keys of random numbers
_LOT = 8


def still_images(exact: int, noisy: int) -> list[Lot]:
    """So many of each."""
    return [
        *lots("still-exact", exact, _LOT, partial(_cases, False)),
        *lots("still-noisy", noisy, _LOT, partial(_cases, True)),
    ]


def _cases(noisy: bool, numbers: range) -> Iterator[Case]:
    what = "still image, tracked" if noisy else "still image"
    for number in numbers:
        picture = glide("layers", SEED, number, frames=2, size=SIZE).picture()
        name = f"still/{SEED}/{number}" + ("/noisy" if noisy else "")
        source = _Still(picture, WINDOW.frames, NOISE if noisy else 0.0, number)
        history, truth = _at_rest(name).split(WINDOW.history)
        if noisy:
            history = _jittered(history, number)
        yield Case(
            id=f"{name}@{WINDOW.history}+{WINDOW.future}",
            group=WINDOW.group(what),
            history=history,
            truths=(truth,),
            scene=f"still/{SEED}/{number}",
            frame=Frame(source.read(WINDOW.history - 1, WINDOW.history)[0], FPS),
            video=Video(source, name),
            about={"seed": SEED},
        )


def _at_rest(name: str) -> Tracks:
    grid = Grid.over(SIZE, 16.0)
    laid = grid.points().reshape(1, -1, 2)
    return Tracks(
        xy=np.repeat(laid, WINDOW.frames, axis=0),
        visible=np.ones((WINDOW.frames, grid.count), bool),
        size=SIZE,
        query_frame=np.zeros(grid.count, np.int64),
        fps=FPS,
        grid=grid,
        source={"simulated": name},
    )


def _jittered(history: Tracks, number: int) -> Tracks:
    assert history.grid is not None  # laid above
    field = history.xy.reshape(1, len(history), history.grid.h, history.grid.w, 2)
    noisy = tracker_noise(torch.from_numpy(field), rng.generator(SEED, number, _TRACKS), anchor=0)
    return replace(history, xy=noisy.numpy().reshape(history.xy.shape))


class _Still:
    """One picture, with noise of its own in every frame."""

    def __init__(
        self, picture: UInt8[np.ndarray, "h w 3"], length: int, noise: float, number: int
    ) -> None:
        self.size = (picture.shape[1], picture.shape[0])
        self.fps: float | None = FPS
        self._picture, self._length, self._noise = picture, length, noise
        self._number = number

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        frames = [self._frame(t) for t in range(start, stop)]
        return np.stack(frames) if frames else np.empty((0, *self._picture.shape), np.uint8)

    def _frame(self, t: int) -> UInt8[np.ndarray, "h w 3"]:
        if not self._noise:
            return self._picture
        generator = rng.generator(SEED, self._number, _PICTURE, t + 1)
        noise = torch.randn(self._picture.shape, generator=generator).numpy() * self._noise
        return np.clip(np.rint(self._picture + noise), 0, 255).astype(np.uint8)
