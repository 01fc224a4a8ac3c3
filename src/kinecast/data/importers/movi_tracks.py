"""Point tracks of a Kubric MOVi scene from its renderings, poses and camera.

A pixel of an object names the object's point by its object coordinates: 0 to 1 over the object's
bounding box in the object's own frame. The pose of each frame moves that point, the camera projects
it, and it is visible where nothing nearer is in the depth map. Points of the background stay where
they are in the world. Source: Kubric, challenges/point_tracking.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError

_DEPTH_TOLERANCE = 0.01  # of the distance: what a slanted surface changes within a pixel
_BOX_TOLERANCE = 1e-2  # of the box's diagonal: float32 poses


@dataclass(frozen=True)
class Camera:
    """A pinhole that looks along its -z, y up; one pose a frame.

    Attributes:
        positions: (T, 3) in the world.
        rotations: (T, 3, 3), camera to world.
        focal: focal length in pixels, the same for both axes.
        size: (W, H).
    """

    positions: Float64[np.ndarray, "t 3"]
    rotations: Float64[np.ndarray, "t 3 3"]
    focal: float
    size: Size

    def project(self, points: Float64[np.ndarray, "t n 3"]) -> Float64[np.ndarray, "t n 2"]:
        """Pixels, edge-aligned, of world points of every frame; NaN behind the camera."""
        local = np.einsum("tnk,tkj->tnj", points - self.positions[:, None], self.rotations)
        ahead = np.where(local[..., 2] < 0, -local[..., 2], np.nan)
        centre = np.array(self.size) / 2
        return centre + self.focal * local[..., :2] * (1, -1) / ahead[..., None]

    def unproject(
        self, xy: Float64[np.ndarray, "n 2"], distance: Float64[np.ndarray, " n"], frame: int
    ) -> Float64[np.ndarray, "n 3"]:
        """World points that a frame shows at pixels, so far from the camera's centre."""
        ray = (xy - np.array(self.size) / 2) * (1, -1) / self.focal
        ray = np.concatenate([ray, np.full((len(xy), 1), -1.0)], axis=1)
        ray *= (distance / np.linalg.norm(ray, axis=1))[:, None]
        return self.positions[frame] + ray @ self.rotations[frame].T


@dataclass(frozen=True)
class Scene:
    """What tracks are made of: K objects in T frames of H x W pixels.

    Attributes:
        camera: its poses.
        depth: (T, H, W), distance from the camera's centre.
        segments: (T, H, W), 0 for the background, k + 1 for object k.
        object_coordinates: (T, H, W, 3), 0 to 1 over the object's bounding box.
        positions, rotations: of the objects, (K, T, 3) and (K, T, 3, 3), object to world.
        boxes: (K, T, 8, 3), corners of the bounding boxes in the world, in any order.
    """

    camera: Camera
    depth: Float64[np.ndarray, "t h w"]
    segments: Int64[np.ndarray, "t h w"]
    object_coordinates: Float64[np.ndarray, "t h w 3"]
    positions: Float64[np.ndarray, "k t 3"]
    rotations: Float64[np.ndarray, "k t 3 3"]
    boxes: Float64[np.ndarray, "k t 8 3"]

    def track(
        self, columns: Int64[np.ndarray, " n"], rows: Int64[np.ndarray, " n"], frame: int
    ) -> tuple[Float64[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
        """Pixels (edge-aligned) and visibility of what pixels (column, row) of a frame show.

        Raises:
            UserError: a segment without an object, or boxes that do not fit the poses.
        """
        segments = self.segments[frame, rows, columns]
        world = np.empty((len(self.depth), len(rows), 3))
        still = segments == 0
        centres = coords.from_pixel_centres(np.stack([columns, rows], 1).astype(np.float64))
        distance = self.depth[frame, rows, columns]
        world[:, still] = self.camera.unproject(centres[still], distance[still], frame)
        for k in np.unique(segments[~still]) - 1:
            mine = segments == k + 1
            share = self.object_coordinates[frame, rows[mine], columns[mine]]
            low, high = self._box(int(k), frame)
            local = low + share * (high - low)
            moved = np.einsum("tij,nj->tni", self.rotations[k], local)
            world[:, mine] = moved + self.positions[k][:, None]
        xy = self.camera.project(world)
        seen = self._seen(xy, np.linalg.norm(world - self.camera.positions[:, None], axis=2))
        seen[frame] = True
        return xy, seen

    def _box(self, k: int, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Opposite corners of an object's box in its own frame, whatever the corners' order."""
        if k >= len(self.positions):
            raise UserError(f"expected {len(self.positions)} objects, got the segment {k + 1}")
        corners = (self.boxes[k, frame] - self.positions[k, frame]) @ self.rotations[k, frame]
        low, high = corners.min(0), corners.max(0)
        off = np.minimum(np.abs(corners - low), np.abs(corners - high)).max()
        if off > _BOX_TOLERANCE * np.linalg.norm(high - low):
            raise UserError(
                f"expected bboxes_3d that turn with the quaternions (w, x, y, z), got corners of "
                f"object {k} that are off by {off:.3g}"
            )
        return low, high

    def _seen(self, xy: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """In the frame, and not behind the farthest of the four pixels around."""
        T, H, W = self.depth.shape
        seen = np.asarray(coords.inside(xy, (W, H)))
        where = np.where(seen[..., None], coords.to_pixel_centres(xy), 0.0)
        corner = np.floor(where).astype(np.int64)
        farthest = np.zeros(seen.shape)
        frames = np.arange(T)[:, None]
        for right in (0, 1):
            for down in (0, 1):
                x = np.clip(corner[..., 0] + right, 0, W - 1)
                y = np.clip(corner[..., 1] + down, 0, H - 1)
                farthest = np.maximum(farthest, self.depth[frames, y, x])
        return seen & (distance <= farthest * (1 + _DEPTH_TOLERANCE))


def rotation_matrices(quaternions: Float64[np.ndarray, "*n 4"]) -> Float64[np.ndarray, "*n 3 3"]:
    """Rotation matrices of quaternions (w, x, y, z), which are normalised first."""
    w, x, y, z = np.moveaxis(
        quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0
    )
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)
