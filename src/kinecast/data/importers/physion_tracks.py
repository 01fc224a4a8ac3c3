"""Exact tracks of a Physion trial: pixel -> depth -> object's own frame -> later pose -> pixel.

World axes are Unity's (left-handed, y up), rotations are quaternions (x, y, z, w), the camera looks
along its own -z as in OpenGL. Depth is the distance along the view axis, in three bytes:
(R + G/256 + B/65536) / 256 of the far (100 m) minus the near plane (0.1 m). Source: the
documentation of ThreeDWorld and of tdw_physics.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.io.hdf5 import dataset, shape_of, whole
from kinecast.io.image import decode_image

CONVENTION = (
    "tracks are computed: a point's pixel centre (+0.5) in frame 0, its depth, the pose of the "
    "object that the identity image names, the camera's matrices; x right, y down"
)
_NEAR, _FAR = 0.1, 100.0  # metres; the shader that writes the depth knows no others
_TOLERANCE = 0.01  # of the depth: a point that lies deeper than what the image shows is hidden


_NEEDED = (
    "images/_id",
    "images/_depth",
    "objects/positions",
    "objects/rotations",
    "camera_matrices/camera_matrix",
    "camera_matrices/projection_matrix",
)


class MissingError(Exception):
    """What a file would need for exact tracks and does not have."""


@dataclass(frozen=True)
class _Camera:
    """OpenGL matrices of one frame: world to camera, camera to clip space."""

    view: Float64[np.ndarray, "4 4"]
    projection: Float64[np.ndarray, "4 4"]

    def world(
        self, xy: Float64[np.ndarray, "n 2"], depth: Float64[np.ndarray, " n"], size: Size
    ) -> Float64[np.ndarray, "n 3"]:
        """Pixels and depths -> points of the world."""
        P = self.projection
        x, y = (coords.normalise(xy, size) * (1, -1)).T
        camera = np.stack(
            [
                (x + P[0, 2]) * depth / P[0, 0],
                (y + P[1, 2]) * depth / P[1, 1],
                -depth,
                depth * 0 + 1,
            ]
        )
        return (np.linalg.inv(self.view) @ camera)[:3].T

    def pixels(
        self, points: Float64[np.ndarray, "n 3"], size: Size
    ) -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, " n"]]:
        """Points of the world -> pixels and depths; NaN behind the camera."""
        camera = self.view[:3, :3] @ points.T + self.view[:3, 3:]
        clip = self.projection @ np.vstack([camera, np.ones(len(points))])
        depth = np.where(clip[3] > 0, clip[3], np.nan)
        return coords.denormalise((clip[:2] / depth).T * (1, -1), size), depth


def exact_tracks(
    file: Any, frames: list[str], size: Size, stride: int, fps: float, source: dict[str, Any]
) -> Tracks:
    """Tracks of a grid of pixel centres that is laid in the first frame.

    Args:
        file: open hdf5 file.
        frames: names of its frames, in order.
        size: (W, H) of its pictures.
        stride: whole pixels between points.
        fps: frames a second.
        source: provenance.

    Raises:
        MissingError: the file has not all that is needed, or holds what is not rigid.
        UserError: what it has is damaged or disagrees.
    """
    colours = _colours(file, frames[0])
    first = stride // 2 + 0.5
    W, H = size
    grid = Grid(_count(H, stride), _count(W, stride), float(stride), (first, first))
    start = grid.points().reshape(-1, 2).astype(np.float64)
    camera = _camera(file, frames[0])
    owners, depth = _seen(file, frames[0], size, colours)
    column, row = start.astype(np.int64).T
    owner = owners[row, column]
    position, rotation = _poses(file, frames[0], len(colours))
    world = camera.world(start, depth[row, column], size)
    local = np.einsum("nji,nj->ni", rotation[owner], world - position[owner])
    xy = np.empty((len(frames), grid.count, 2), np.float32)
    visible = np.empty((len(frames), grid.count), bool)
    for t, name in enumerate(frames):
        camera = _camera(file, name)
        owners, depth = _seen(file, name, size, colours)
        position, rotation = _poses(file, name, len(colours))
        world = np.einsum("nij,nj->ni", rotation[owner], local) + position[owner]
        at, distance = camera.pixels(world, size)
        xy[t] = at
        visible[t] = _visible(at, distance, owner, owners, depth, size)
    query = np.where(visible[0], 0, -1).astype(np.int64)
    about = {**source, "convention": CONVENTION, "tracks": "exact", "stride": stride}
    return Tracks(xy, visible, size, query, fps=fps, grid=grid, source=about)


def picture(file: Any, frame: str, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """An image of a frame: the bytes of a JPEG or PNG file, or plain RGB.

    Raises:
        UserError: missing, or not an image.
    """
    path = f"frames/{frame}/images/{name}"
    if len(shape_of(file, path) or ()) == 3:
        return whole(dataset(file, path, "uint8", (None, None, 3)))
    content = whole(dataset(file, path, "uint8", (None,)))
    return decode_image(content.tobytes(), f"{path} of {file.filename}")


def _colours(file: Any, frame: str) -> Int64[np.ndarray, " n"]:
    """The colour of each object in the identity image, as one number."""
    needed = (f"frames/{frame}/{name}" for name in _NEEDED)
    for path in ("static/object_segmentation_colors", *needed):
        if shape_of(file, path) is None:
            raise MissingError(f"no {path}")
    if shape_of(file, f"frames/{frame}/particles") is not None:
        raise MissingError("particles: cloth or liquid, which no pose describes")
    stored = dataset(file, "static/object_segmentation_colors", "biu", (None, 3))
    return _number(whole(stored))


def _number(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def _count(side: int, stride: int) -> int:
    """Points in a row that leave the first one at the middle of its cell."""
    inside = (side - (stride // 2 + 0.5)) // stride + 1
    if inside < 1:
        raise UserError(f"expected --assume stride=... of at most {side} pixels, got {stride}")
    return int(inside)


def _camera(file: Any, frame: str) -> _Camera:
    def matrix(name: str) -> np.ndarray:
        path = f"frames/{frame}/camera_matrices/{name}"
        flat = len(shape_of(file, path) or ()) == 1
        stored = whole(dataset(file, path, "f", (16,) if flat else (4, 4)))
        return stored.astype(np.float64).reshape(4, 4)

    projection, view = matrix("projection_matrix"), matrix("camera_matrix")
    if not np.allclose(projection[3], (0, 0, -1, 0)) or not np.isfinite(view).all():
        raise MissingError("no perspective projection of OpenGL's kind in camera_matrices")
    a, b = projection[2, 2:]
    if not np.allclose((b / (a - 1), b / (a + 1)), (_NEAR, _FAR), rtol=0.01):
        raise MissingError(f"near and far planes at {_NEAR} and {_FAR:g} in camera_matrices")
    if abs(np.linalg.det(view)) < 1e-6 or 0 in (projection[0, 0], projection[1, 1]):
        raise MissingError("camera_matrices that cannot be inverted")
    return _Camera(view, projection)


def _poses(
    file: Any, frame: str, count: int
) -> tuple[Float64[np.ndarray, "m 3"], Float64[np.ndarray, "m 3 3"]]:
    """Positions and rotations of the objects, and last those of the world, which rests."""
    path = f"frames/{frame}/objects"
    positions = whole(dataset(file, f"{path}/positions", "f", (count, 3))).astype(np.float64)
    quaternions = whole(dataset(file, f"{path}/rotations", "f", (count, 4))).astype(np.float64)
    quaternions = np.vstack([quaternions, (0, 0, 0, 1)])
    norms = np.linalg.norm(quaternions, axis=1, keepdims=True)
    if not (np.isfinite(positions).all() and np.allclose(norms, 1, atol=1e-2)):
        raise UserError(f"expected finite poses in {path} of {file.filename}, got others")
    x, y, z, w = (quaternions / norms).T
    rotations = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip
    return np.vstack([positions, np.zeros(3)]), rotations.transpose(2, 0, 1)


def _seen(
    file: Any, frame: str, size: Size, colours: np.ndarray
) -> tuple[Int64[np.ndarray, "h w"], Float64[np.ndarray, "h w"]]:
    """Of each pixel: which object it shows (the number of objects: none) and its depth."""
    images = {name: picture(file, frame, name) for name in ("_id", "_depth")}
    for name, image in images.items():
        if image.shape[1::-1] != size:
            raise UserError(
                f"expected frames/{frame}/images/{name} of {size[0]}x{size[1]} like _img in "
                f"{file.filename}, got {image.shape[1]}x{image.shape[0]}"
            )
    shown = _number(images["_id"])
    order = np.argsort(colours)
    place = np.minimum(np.searchsorted(colours[order], shown), max(len(colours) - 1, 0))
    owner = np.full(shown.shape, len(colours), np.int64)
    if len(colours):
        owner = np.where(colours[order][place] == shown, order[place], owner)
    parts = images["_depth"].astype(np.float64) @ np.array([1, 1 / 256, 1 / 65536])
    return owner, parts * (_FAR - _NEAR) / 256


def _visible(
    xy: np.ndarray, distance: np.ndarray, owner: np.ndarray, owners: np.ndarray,
    depth: np.ndarray, size: Size,
) -> Bool[np.ndarray, " n"]:  # fmt: skip
    """Inside the frame, on the object of the nearest pixel, and no deeper than what the four pixels
    around show of it: on a slope they bracket the point.
    """
    seen: np.ndarray = coords.inside(xy, size)
    at = np.where(seen[:, None], xy, 0.5)
    column, row = np.floor(at).astype(np.int64).T
    deepest = np.full(len(xy), -np.inf)
    corners = np.floor(coords.to_pixel_centres(at)).astype(np.int64)
    for shift in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = np.clip(corners + shift, 0, np.array(size) - 1).T
        deepest = np.where(owners[y, x] == owner, np.maximum(deepest, depth[y, x]), deepest)
    return seen & (owners[row, column] == owner) & (distance <= deepest * (1 + _TOLERANCE))
