"""A MOVi record of known geometry: two boxes over a floor, rendered by intersecting rays."""

import cv2
import numpy as np

T, H, W = 5, 40, 64
FOCAL, SENSOR = 35.0, 32.0
HALF = np.array([[0.9, 0.6, 0.5], [0.5, 0.5, 0.7]])  # of the boxes
OFFSET = np.array([[0.1, -0.2, 0.3], [0.0, 0.0, 0.0]])  # of their middles in their own frames
DEPTH_RANGE = (2.0, 25.0)


def quaternion(axis, angle):
    """(w, x, y, z)."""
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * axis])


def turn(q, v):
    """Vectors (n, 3) turned by a quaternion: v + 2 w (u x v) + 2 u x (u x v)."""
    u = np.broadcast_to(q[1:], v.shape)
    return v + 2 * q[0] * np.cross(u, v) + 2 * np.cross(u, np.cross(u, v))


def back(q, v):
    return turn(q * (1, -1, -1, -1), v)


class World:
    """Poses, and what a pixel of a frame shows. The camera stands still unless it is told to."""

    def __init__(self, moving_camera=False):
        t = np.arange(T)[:, None]
        eye = np.array([7.5, -6.5, 5.3]) + (t * (0.1, 0.2, 0.05) if moving_camera else 0 * t)
        self.camera_positions = eye
        self.camera_quaternions = np.stack([look_at_origin(e) for e in eye])
        first = np.array([-1.5, 0, 1.0]) + t * (0.5, 0.1, 0)  # passes behind the second
        second = np.array([1.2, -0.8, 0.9]) + t * (0.0, 0.0, 0.15)
        self.positions = np.stack([first, second])
        turns = [[quaternion((1, 2, 3), 0.3 + 0.2 * k) for k in range(T)],
                 [quaternion((0, 1, -1), 0.5 - 0.1 * k) for k in range(T)]]  # fmt: skip
        self.quaternions = np.array(turns)

    def rays(self, frame):
        """Directions (H * W, 3) of unit length through the pixels' centres."""
        x, y = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
        f = FOCAL / SENSOR * W
        local = np.stack([(x - W / 2) / f, -(y - H / 2) / f, -np.ones_like(x)], -1).reshape(-1, 3)
        local /= np.linalg.norm(local, axis=1, keepdims=True)
        return turn(self.camera_quaternions[frame], local)

    def render(self, frame):
        """segments (H, W), distance (H, W), object coordinates (H, W, 3) of a frame."""
        eye, rays = self.camera_positions[frame], self.rays(frame)
        distance = np.where(rays[:, 2] < 0, -eye[2] / np.minimum(rays[:, 2], -1e-9), 24.0)
        distance = np.minimum(distance, 24.0)
        segments = np.zeros(H * W, np.int64)
        shares = np.zeros((H * W, 3))
        for k in range(2):
            start = back(self.quaternions[k, frame], (eye - self.positions[k, frame])[None])
            start = start - OFFSET[k]
            way = back(self.quaternions[k, frame], rays)
            near, far = (-HALF[k] - start) / way, (HALF[k] - start) / way
            enter = np.minimum(near, far).max(1)
            leave = np.maximum(near, far).min(1)
            hit = (enter < leave) & (enter > 0) & (enter < distance)
            distance = np.where(hit, enter, distance)
            segments[hit] = k + 1
            shares[hit] = (((start + enter[:, None] * way) + HALF[k]) / (2 * HALF[k]))[hit]
        return segments.reshape(H, W), distance.reshape(H, W), shares.reshape(H, W, 3)

    def project(self, world, frame):
        """Pixels, edge-aligned, of world points (n, 3)."""
        local = back(self.camera_quaternions[frame], world - self.camera_positions[frame])
        f = FOCAL / SENSOR * W
        return np.stack([W / 2 + f * local[:, 0] / -local[:, 2],
                         H / 2 - f * local[:, 1] / -local[:, 2]], 1)  # fmt: skip

    def truth(self, rows, columns, query):
        """Pixels (T, n, 2) of what pixels of the query frame show, without any quantisation."""
        segments, distance, _ = self.render(query)
        rays = self.rays(query).reshape(H, W, 3)[rows, columns]
        points = self.camera_positions[query] + rays * distance[rows, columns][:, None]
        body = segments[rows, columns] - 1
        out = np.empty((T, len(rows), 2))
        for t in range(T):
            world = points.copy()
            for k in range(2):
                mine = body == k
                local = back(self.quaternions[k, query], points[mine] - self.positions[k, query])
                world[mine] = turn(self.quaternions[k, t], local) + self.positions[k, t]
            out[t] = self.project(world, t)
        return out

    def boxes(self):
        """Corners (2, T, 8, 3) in the world."""
        signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij")).reshape(3, 8).T
        return np.array([
            [turn(self.quaternions[k, t], signs * HALF[k] + OFFSET[k]) + self.positions[k, t]
             for t in range(T)]
            for k in range(2)
        ])  # fmt: skip

    def record(self, encoding="png"):
        """The values of a record; pictures as PNG, as numbers or as bytes of numbers."""
        renders = [self.render(t) for t in range(T)]
        low, high = DEPTH_RANGE
        depth = np.array([r[1] for r in renders])[..., None]
        pictures = {
            "video": np.random.default_rng(0).integers(0, 255, (T, H, W, 3), np.uint8),
            "segmentations": np.array([r[0] for r in renders], np.uint8)[..., None],
            "depth": np.round((depth - low) / (high - low) * 65535).astype(np.uint16),
            "object_coordinates": np.round(
                np.array([r[2] for r in renders]) * 65535
            ).astype(np.uint16),
        }  # fmt: skip
        one = lambda value: np.array([value], np.float32)  # noqa: E731
        return {name: pictured(array, encoding) for name, array in pictures.items()} | {
            "camera/focal_length": one(FOCAL),
            "camera/sensor_width": one(SENSOR),
            "camera/field_of_view": one(2 * np.arctan(SENSOR / 2 / FOCAL)),
            "camera/positions": self.camera_positions.astype(np.float32),
            "camera/quaternions": self.camera_quaternions.astype(np.float32),
            "instances/positions": self.positions.astype(np.float32),
            "instances/quaternions": self.quaternions.astype(np.float32),
            "instances/bboxes_3d": self.boxes().astype(np.float32),
            "metadata/depth_range": np.array(DEPTH_RANGE, np.float32),
            "metadata/width": np.array([W]),
            "metadata/height": np.array([H]),
            "metadata/video_name": [b"scene 7"],
        }  # fmt: skip


def pictured(array, encoding):
    if encoding == "png":
        return [
            cv2.imencode(".png", frame[..., ::-1] if frame.shape[-1] == 3 else frame)[1].tobytes()
            for frame in array
        ]
    if encoding == "bytes":
        return [array.astype(array.dtype.newbyteorder("<")).tobytes()]
    return array.astype(np.int64)


def look_at_origin(eye):
    """The turn of a camera at `eye` whose -z points to the origin and whose x is level."""
    z = eye / np.linalg.norm(eye)
    x = np.cross([0, 0, 1.0], z)
    x /= np.linalg.norm(x)
    m = np.stack([x, np.cross(z, x), z], 1)
    w = np.sqrt(1 + np.trace(m)) / 2
    return np.array(
        [w, *(np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]]) / (4 * w))]
    )
