"""Make a clip of a rendered family: simulate, draw, follow the points."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from kinecast.core import rng
from kinecast.core.clip import Clip
from kinecast.core.coords import Size, check_size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.synth.sim.points import follow_grid, grid_of
from kinecast.data.synth.sim.registry import RENDERED, rendered
from kinecast.data.synth.sim.render import Pictures, render
from kinecast.data.synth.sim.renderers import painter
from kinecast.data.synth.sim.setup import Setup, Shot
from kinecast.data.synth.sim.simulate import Poses, simulate

_SCENE, _MOTION = 1, 2  # streams of a clip


@dataclass(frozen=True, eq=False)
class View:
    """What one camera filmed.

    Attributes:
        name: of the camera.
        pictures: colours, depth, geoms.
        tracks: a grid of points.
        thing: (N,) id of the thing each point is on, 0 for the background.
    """

    name: str
    pictures: Pictures
    tracks: Tracks
    thing: Int[np.ndarray, " n"]


@dataclass(frozen=True, eq=False)
class Take:
    """A clip of a rendered world.

    Attributes:
        id: "family/seed/index/future".
        setup, poses: the world and its motion.
        views: one per camera.
    """

    id: str
    setup: Setup
    poses: Poses
    views: tuple[View, ...]

    def clip(self, view: int = 0) -> Clip:
        """A view as a clip with its video, caption and tracks."""
        seen = self.views[view]
        name = self.id if len(self.views) == 1 else f"{self.id}/{seen.name}"
        video = Video(ArraySource(seen.pictures.rgb, seen.tracks.fps), name)
        return Clip(seen.tracks, video, self.setup.text, name)


def film(
    family: str,
    *,
    seed: int = 0,
    index: int = 0,
    future: int = 0,
    frames: int | None = None,
    size: Size | None = None,
    fps: float | None = None,
    camera: str = "static",
    stride: int = 8,
    anchor: int = 0,
    window: tuple[int, int] | None = None,
    renderer: str = "mujoco",
) -> Take:
    """One clip; it depends on the arguments alone, bit for bit on one machine.

    Futures of one (family, seed, index) share frame 0 exactly and differ in how things move.

    Args:
        family: a name in RENDERED.
        seed, index: which scene.
        future: which of its futures.
        frames, size, fps: None: the family's own.
        camera: "static" or "moving".
        stride: pixels between the points of the grid (points.grid_of).
        anchor: frame in which the grid is laid.
        window: frames [start, stop) of the clip that are filmed; the anchor counts from the start.
            None: all.
        renderer: what paints the pictures, a name in renderers.RENDERERS.

    Raises:
        UserError: an unknown family or renderer, counts that make no clip, or MuJoCo, a GL library
            or the renderer is missing.
    """
    paint = painter(renderer)
    shot, grid = plan(
        family, frames=frames, size=size, fps=fps, camera=camera, stride=stride, anchor=anchor
    )
    number = RENDERED[family].number
    scene = _stream(seed, number, index, _SCENE, 0)
    motion = _stream(seed, number, index, _MOTION, future)
    setup = rendered(family).draw(scene, motion, shot)
    poses = simulate(setup, shot.frames, shot.fps)
    if window is not None:
        poses = poses.window(*window)
        if anchor >= len(poses):
            raise UserError(f"expected 0 <= anchor < {len(poses)} frames, got {anchor}")
    owner = np.append(poses.owner, 0)
    name = f"{family}/{seed}/{index}/{future}"
    views = []
    for i, (path, pictures) in enumerate(zip(setup.cameras, render(poses, shot.size), strict=True)):
        tracks, geom = follow_grid(poses, pictures, grid, shot.fps, i, anchor)
        pictures = paint(setup, poses, pictures, i)
        source = {"simulated": name, "view": path.name, "text": setup.text}
        views.append(View(path.name, pictures, replace(tracks, source=source), owner[geom]))
    return Take(name, setup, poses, tuple(views))


def plan(
    family: str,
    *,
    frames: int | None,
    size: Size | None,
    fps: float | None,
    camera: str,
    stride: int,
    anchor: int,
) -> tuple[Shot, Grid]:
    """The shot and the grid of points that `film` makes of its arguments.

    Raises:
        UserError: as `film`, but that the GL library is not tried.
    """
    own = rendered(family).shot
    shot = Shot(
        frames=own.frames if frames is None else frames,
        fps=own.fps if fps is None else fps,
        size=own.size if size is None else check_size(size),
        camera=camera,
    )
    if not 0 <= anchor < shot.frames:
        raise UserError(f"expected 0 <= anchor < {shot.frames} frames, got {anchor}")
    return shot, grid_of(shot.size, stride)


def _stream(seed: int, number: int, index: int, use: int, future: int) -> np.random.Generator:
    keys = rng.generator(seed, number, index, use, future + 1)
    return np.random.default_rng(keys.initial_seed())
