"""Things that are thrown, of shapes of training and of others, and blocks that fall: rendered.

The shapes are those of MOVi-A (`movi-a`) and, out of distribution, cones, tori, gears and the like
(`movi-b`), seen by a camera that stands or moves. Points are laid in the first frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot
from kinecast.bench.suites.worlds.rendered import SIZE, Asked, rendered
from kinecast.bench.suites.worlds.window import Window, lots
from kinecast.core.cond import Frame
from kinecast.core.grid import Grid

SEED = 2_000_003
_LOT = 4


@dataclass(frozen=True)
class Kind:
    """A group of rendered clips; points lie `stride` pixels apart, as by `Grid.over`."""

    name: str
    what: str
    family: str
    window: Window
    fps: float
    camera: str = "static"
    stride: float = 13.0


# Thrown things meet after half a second to two; falling blocks need 0.4 s to the floor.
THROWN = (
    Kind("shapes-known", "thrown shapes", "movi-a", Window(24, 24), 24.0),
    Kind("shapes-other", "other shapes", "movi-b", Window(24, 24), 24.0),
    Kind("shapes-moving", "thrown shapes, moving camera", "movi-a", Window(24, 24), 24.0, "moving"),
)
# The blocks are small: a finer grid, so that each has some points.
FALLING = Kind("falling", "falling blocks", "falling", Window(12, 24), 30.0, stride=8.0)


def thrown_shapes(clips: int) -> list[Lot]:
    """So many of each kind."""
    return [lot for kind in THROWN for lot in lots(kind.name, clips, _LOT, partial(_cases, kind))]


def falling_blocks(clips: int) -> list[Lot]:
    """8 to 20 blocks fall in a heap."""
    return lots(FALLING.name, clips, _LOT, partial(_cases, FALLING))


def _cases(kind: Kind, numbers: range) -> Iterator[Case]:
    window = kind.window
    for number in numbers:
        asked = Asked(
            family=kind.family,
            seed=SEED,
            index=number,
            frames=window.frames,
            fps=kind.fps,
            grid=Grid.over(SIZE, kind.stride),
            seen=window.history - 1,
            camera=kind.camera,
        )
        clip = rendered(asked)
        history, truth = clip.tracks.split(window.history)
        yield Case(
            id=f"{asked.name}@{window.history}+{window.future}",
            group=window.group(kind.what),
            history=history,
            truths=(truth,),
            scene=f"{kind.family}/{SEED}/{number}",
            frame=Frame(clip.picture, kind.fps),
            text=clip.text,
            objects=clip.objects,
            video=clip.video,
            about={"family": kind.family, "seed": SEED, "camera": kind.camera},
        )
