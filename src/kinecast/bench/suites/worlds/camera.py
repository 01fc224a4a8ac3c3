"""One world filmed twice: by the camera that moves, and by the same camera held still.

Both clips show the same points in the first frame, and the same things move, so that what differs
between the two groups is the camera alone.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.window import GRID, SIZE, Window, lots
from kinecast.core.tracks import Tracks
from kinecast.data.synth.draws import Draws
from kinecast.data.synth.families import FAMILIES
from kinecast.data.synth.scene import Camera, Scene, Stage
from kinecast.data.synth.trace import film
from kinecast.data.synth.worlds import FPS

SEED = 2_000_017
WINDOW = Window(81, 81)
# Families whose cameras move in some clips and in which things move, one after the other.
ACTING = ("handled", "person", "hand", "animal", "crowd", "traffic", "portrait", "sliding")
_LOT = 4  # worlds, two cases each


def camera_pairs(worlds: int) -> list[Lot]:
    """Worlds of the families in turn."""
    return lots("camera", worlds, _LOT, _cases)


def _cases(numbers: range) -> Iterator[Case]:
    for number in numbers:
        family = ACTING[number % len(ACTING)]
        index, scene = _filmed_in_motion(family, number // len(ACTING))
        name = f"{family}/{SEED}/{index}"
        for how, camera in (("moving", scene.camera), ("still", _held(scene.camera))):
            history, truth = _tracks(replace(scene, camera=camera), name).split(WINDOW.history)
            yield Case(
                id=f"{name}/{how}@{WINDOW.history}+{WINDOW.future}",
                group=WINDOW.group(f"{how} camera"),
                history=history,
                truths=(truth,),
                scene=name,
                about={"family": family, "seed": SEED, "camera": how},
            )


def _filmed_in_motion(family: str, number: int) -> tuple[int, Scene]:
    """Clip `number` among those of a family whose camera moves, with its index in the family."""
    stage = Stage(WINDOW.frames, 0, SIZE, None, torch.device("cpu"))
    index = left = 0
    while True:
        draws = Draws.of(SEED, FAMILIES[family].number, [index], stage.device)
        scene = FAMILIES[family].build(draws, stage)
        if _moves(scene.camera):
            if left == number:
                return index, scene
            left += 1
        index += 1


def _moves(camera: Camera) -> bool:
    """Whether the camera does anything: one at rest is at rest bit for bit."""
    return any(bool((part != part[:, :1]).any()) for part in _parts(camera))


def _held(camera: Camera) -> Camera:
    """As it is in the first frame, for good."""
    return Camera(*(part[:, :1].expand_as(part) for part in _parts(camera)))


def _parts(camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    return camera.rotation, camera.position, camera.focal


def _tracks(scene: Scene, name: str) -> Tracks:
    points = torch.from_numpy(GRID.points().reshape(-1, 2))
    xy, visible = film(scene, points, 0, SIZE)
    return Tracks(
        xy=np.ascontiguousarray(xy[0].transpose(1, 2).numpy()),
        visible=visible[0].numpy(),
        size=SIZE,
        query_frame=np.zeros(GRID.count, np.int64),
        fps=FPS,
        grid=GRID,
        source={"simulated": name},
    )
