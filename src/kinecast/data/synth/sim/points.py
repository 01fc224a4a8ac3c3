"""Exact tracks of the points of a simulated world."""

import numpy as np
from jaxtyping import Bool, Float, Int

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.data.synth.sim.render import SKY, Pictures
from kinecast.data.synth.sim.simulate import Poses

_NEAR = 1e-3  # metres: nearer than this, or behind, a point has no picture
_FAR = 1e9  # metres: where the sky is
_TOLERANCE = 0.005  # of depth: what rasterising moves a surface at most


def grid_of(size: Size, stride: int = 8) -> Grid:
    """Centres of every `stride`-th pixel, the first at 0.5: the query grid of WHN (stride 8).

    Raises:
        UserError: the stride is below one pixel.
    """
    W, H = coords.check_size(size)
    if stride < 1:
        raise UserError(f"expected a stride of 1 pixel or more, got {stride}")
    return Grid(-(-H // stride), -(-W // stride), float(stride), (0.5, 0.5))


def follow_grid(
    poses: Poses, pictures: Pictures, grid: Grid, fps: float, camera: int = 0, frame: int = 0
) -> tuple[Tracks, Int[np.ndarray, " n"]]:
    """`follow` for the points of a grid laid in one frame."""
    queries = grid.points().reshape(-1, 2)
    frames = np.full(len(queries), frame, np.int64)
    return follow(poses, pictures, queries, frames, fps, camera, grid)


def follow(
    poses: Poses,
    pictures: Pictures,
    queries: Float[np.ndarray, "n 2"],
    frames: Int[np.ndarray, " n"],
    fps: float,
    camera: int = 0,
    grid: Grid | None = None,
) -> tuple[Tracks, Int[np.ndarray, " n"]]:
    """Follow the surface points that are seen at `queries` in the query frames.

    A query is lifted by the depth and the geom that its pixel shows, rides on that geom, and is
    projected in every frame. It is visible where it is in front of the camera, in the frame, the
    pixel that holds it shows its geom, and its depth is that of the surface there (within 0.5 %
    and the surface's own slope over a pixel). What shows no geom is infinitely far away.

    Args:
        poses, pictures: a world, and what `camera` of it sees.
        queries: pixels xy of the pictures' size, edge-aligned, inside the frame.
        frames: the frame of each query.
        fps: frames a second, for the tracks.
        camera: number of the view.
        grid: how the queries were laid, or None.

    Returns:
        the tracks, and the geom (N,) each point rides on (SKY: none). Positions are finite
        everywhere: behind the camera or far outside they are clamped to one frame size around the
        frame, and not visible.

    Raises:
        UserError: a query lies outside the frame or the clip.
    """
    size = pictures.size
    queries, frames = np.asarray(queries, np.float32), np.asarray(frames, np.int64)
    if not np.all(coords.inside(queries, size) & (frames >= 0) & (frames < len(poses))):
        raise UserError(
            f"expected queries in the {size[0]}x{size[1]} frame and frames in [0, {len(poses)})"
        )
    view = _View(poses, camera, size)
    column, row = np.floor(queries).astype(int).T
    geom = pictures.geom[frames, row, column].astype(np.int64)
    depth = _surface(pictures, frames, row, column, queries)
    world = view.lift(queries.astype(np.float64), depth, frames)
    xy, z = view.project(_ride(poses, geom, world, frames))
    xy[frames, np.arange(len(frames))] = queries
    visible = _visible(pictures, xy, z, geom)
    visible[frames, np.arange(len(frames))] = True
    around = np.array([size, size])
    tracks = Tracks(
        xy=np.clip(xy, -around[0], 2 * around[1]).astype(np.float32),
        visible=visible,
        size=size,
        query_frame=frames,
        fps=fps,
        grid=grid,
    )
    return tracks, geom


class _View:
    """The pinhole of one camera."""

    def __init__(self, poses: Poses, camera: int, size: Size) -> None:
        self._position = poses.camera_position[:, camera]
        self._rotation = poses.camera_rotation[:, camera]
        self._middle = np.array(size) / 2
        self._focal = self._middle[1] / np.tan(poses.fovy[camera] / 2)

    def lift(self, xy: np.ndarray, depth: np.ndarray, frames: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) with depth (N,) metres, in their frames (N,) -> world (N, 3)."""
        flat = (xy - self._middle) / self._focal
        ray = np.column_stack([flat[:, 0], -flat[:, 1], -np.ones(len(xy))])  # y up, looks along -z
        turned = np.einsum("nij,nj->ni", self._rotation[frames], ray * depth[:, None])
        return self._position[frames] + turned

    def project(self, world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World (T, N, 3) -> pixels (T, N, 2) and depth (T, N)."""
        local = np.einsum("tji,tnj->tni", self._rotation, world - self._position[:, None])
        z = -local[..., 2]
        flat = local[..., :2] * (1, -1) / np.maximum(z, _NEAR)[..., None]
        return flat * self._focal + self._middle, z


def _ride(poses: Poses, geom: np.ndarray, world: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """World points (N, 3) of their frames, carried by their geoms -> (T, N, 3)."""
    carried = np.repeat(world[None], len(poses), axis=0)
    for g in np.unique(geom[geom != SKY]):
        mine = geom == g
        rotation, position = poses.geom_rotation[:, g], poses.geom_position[:, g]
        there = frames[mine]
        local = np.einsum("nji,nj->ni", rotation[there], world[mine] - position[there])
        carried[:, mine] = np.einsum("tij,nj->tni", rotation, local) + position[:, None]
    return carried


def _surface(
    pictures: Pictures, t: np.ndarray, row: np.ndarray, column: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    """Depth at `xy` of the surface that the pixel (row, column) of frame t shows."""
    inverse, _ = _inverse_depth(pictures, t, row, column, xy)
    geom = pictures.geom[t, row, column]
    return np.where(geom == SKY, _FAR, 1 / inverse)


def _visible(
    pictures: Pictures, xy: np.ndarray, z: np.ndarray, geom: np.ndarray
) -> Bool[np.ndarray, "t n"]:
    size = pictures.size
    visible = np.asarray(coords.inside(xy, size)) & (z > _NEAR)
    t, n = np.nonzero(visible)
    column, row = np.floor(xy[t, n]).astype(int).T
    inverse, slope = _inverse_depth(pictures, t, row, column, xy[t, n])
    same = pictures.geom[t, row, column] == geom[n]
    near = 1 / z[t, n] >= (1 - _TOLERANCE) * inverse - slope
    visible[t, n] = same & (near | (geom[n] == SKY))
    return visible


def _inverse_depth(
    pictures: Pictures, t: np.ndarray, row: np.ndarray, column: np.ndarray, xy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """1 / depth at `xy`, and how much it changes over half a pixel each way.

    1 / depth is linear in the picture of a plane: from the pixel's centre it is continued towards
    the neighbour on whose side `xy` lies, or away from the other one, if they show the same geom.
    """
    depth, geom = pictures.depth, pictures.geom
    H, W = depth.shape[1:]
    centre = 1 / depth[t, row, column].astype(np.float64)
    mine = geom[t, row, column]
    inverse, slope = centre.copy(), np.zeros_like(centre)
    for axis, (down, right) in enumerate(((0, 1), (1, 0))):
        offset = xy[:, axis] - np.floor(xy[:, axis]) - 0.5
        gradient = np.zeros_like(centre)
        for side in (np.where(offset < 0, 1, -1), np.where(offset < 0, -1, 1)):  # the last wins
            r, c = row + down * side, column + right * side
            inside = (r >= 0) & (r < H) & (c >= 0) & (c < W)
            r, c = np.clip(r, 0, H - 1), np.clip(c, 0, W - 1)
            same = inside & (geom[t, r, c] == mine)
            step = (1 / depth[t, r, c].astype(np.float64) - centre) * side
            gradient = np.where(same, step, gradient)
        inverse += gradient * offset
        slope += 0.5 * np.abs(gradient)
    return inverse, slope
