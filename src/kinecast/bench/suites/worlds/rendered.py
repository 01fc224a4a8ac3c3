"""Rendered clips of a suite: made once by MuJoCo, then kept (`suites.kept`)."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64, UInt8

from kinecast.bench.suites.kept import Arrays, Make, code_hash, kept
from kinecast.core.coords import Size
from kinecast.core.extra import optional
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data import synth
from kinecast.io.npz import NpzReader

if TYPE_CHECKING:
    from kinecast.data.synth.sim.film import Take

SIZE: Size = (256, 256)


@dataclass(frozen=True)
class Asked:
    """A clip; it depends on these alone.

    Attributes:
        family, seed, index, future, frames, fps, camera: as in `data.synth.sim.film.film`.
        grid: of points, laid in the first frame.
        seen: the frame whose picture is kept.
    """

    family: str
    seed: int
    index: int
    frames: int
    fps: float
    grid: Grid
    seen: int
    future: int = 0
    camera: str = "static"

    @property
    def name(self) -> str:
        """What is simulated, whatever points are followed for how long."""
        moving = "/moving" if self.camera == "moving" else ""
        return f"{self.family}/{self.seed}/{self.index}/{self.future}{moving}"


@dataclass(frozen=True, eq=False)
class Clip:
    """What was asked for.

    Attributes:
        tracks: of the grid, exact.
        objects: the thing that each point lies on, -1 for the background.
        picture: of the frame `Asked.seen`.
        video: all pictures; rendered when they are first read, then kept.
        text: what happens, in words.
    """

    tracks: Tracks
    objects: Int64[np.ndarray, " n"]
    picture: UInt8[np.ndarray, "h w 3"]
    video: Video
    text: str


def rendered(asked: Asked) -> Clip:
    """A clip, rendered or read.

    Raises:
        UserError: MuJoCo or a GL library is missing, or the user's folder cannot be written.
    """
    file = _kept("clip", asked, lambda: _follow(asked))
    (W, H), N = SIZE, asked.grid.count
    tracks = Tracks(
        xy=file.take("xy", "float32", (asked.frames, N, 2)),
        visible=file.take("visible", "bool", (asked.frames, N)),
        size=SIZE,
        query_frame=np.zeros(N, np.int64),
        fps=asked.fps,
        grid=asked.grid,
        source={"simulated": asked.name},
    )
    return Clip(
        tracks=tracks,
        objects=file.take("objects", "int64", (N,)),
        picture=file.take("picture", "uint8", (H, W, 3)),
        video=Video(_Film(asked), asked.name),
        text=str(file.take("text", "U", ())),
    )


class _Film:
    """The pictures of a clip."""

    def __init__(self, asked: Asked) -> None:
        self.size = SIZE
        self.fps: float | None = asked.fps
        self._asked = asked
        self._pictures: UInt8[np.ndarray, "t h w 3"] | None = None

    def __len__(self) -> int:
        return self._asked.frames

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        if self._pictures is None:
            asked, (W, H) = self._asked, SIZE
            file = _kept("film", asked, lambda: {"rgb": _take(asked).views[0].pictures.rgb})
            self._pictures = file.take("rgb", "uint8", (asked.frames, H, W, 3))
        return self._pictures[start:stop]


def _kept(what: str, asked: Asked, make: Make) -> NpzReader:
    version = str(optional("mujoco", "sim").__version__)
    code = code_hash(Path(synth.__file__).parent / "sim", versions=(version,))
    name = f"{what}-{asked.name.replace('/', '_')}"
    return kept(name, {"what": what, **asdict(asked)}, code, make)


def _follow(asked: Asked) -> Arrays:
    from kinecast.data.synth.sim.points import follow_grid  # MuJoCo

    take = _take(asked)
    pictures = take.views[0].pictures
    tracks, geom = follow_grid(take.poses, pictures, asked.grid, asked.fps)
    owner = np.append(take.poses.owner, 0)  # the sky's geom is -1
    return {
        "xy": tracks.xy,
        "visible": tracks.visible,
        "objects": owner[geom].astype(np.int64) - 1,
        "picture": pictures.rgb[asked.seen],
        "text": np.array(take.setup.text),
    }


def _take(asked: Asked) -> "Take":
    from kinecast.data.synth.sim.film import film  # MuJoCo

    return film(
        asked.family,
        seed=asked.seed,
        index=asked.index,
        future=asked.future,
        frames=asked.frames,
        size=SIZE,
        fps=asked.fps,
        camera=asked.camera,
        stride=max(SIZE),  # the points of the suite are followed by `_follow`
    )
