"""A Physion trial in miniature: a plate that turns and slides before a wall, ray-traced by hand.

The camera looks along -z from (0, 1, 6); everything is computed with a pinhole, not with matrices.
"""

from pathlib import Path

import cv2
import h5py
import numpy as np

W, H, T = 48, 32, 4
NEAR, FAR = 0.1, 100.0
FOCAL = 40.0  # pixels
EYE = np.array([0.0, 1.0, 6.0])
WALL = -3.0  # z of the background
HALF = 1.2  # half the plate's side
RED = (200, 10, 30)  # its colour in the identity image


def quaternion(t: int) -> np.ndarray:
    """(x, y, z, w) of the plate: about y, then a little about z."""
    a, b = 0.35 * t + 0.1, 0.2 * t
    y, z = (
        np.array([0, np.sin(a / 2), 0, np.cos(a / 2)]),
        np.array([0, 0, np.sin(b / 2), np.cos(b / 2)]),
    )
    v = y[3] * z[:3] + z[3] * y[:3] + np.cross(y[:3], z[:3])
    return np.array([*v, y[3] * z[3] - y[:3] @ z[:3]])


def turned(points: np.ndarray, t: int) -> np.ndarray:
    """Points (..., 3) of the plate's own frame, turned: v + 2w(q x v) + 2 q x (q x v)."""
    *q, w = quaternion(t)
    once = np.cross(q, points)
    return points + 2 * w * once + 2 * np.cross(q, once)


def position(t: int) -> np.ndarray:
    """Middle of the plate."""
    return np.array([-0.8 + 0.5 * t, 1.0 + 0.1 * t, 0.0])


def pixels(world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (..., 3) -> pixels (..., 2), edge-aligned, and depths."""
    x, y, z = np.moveaxis(world - EYE, -1, 0)
    return np.stack([W / 2 - FOCAL * x / z, H / 2 + FOCAL * y / z], -1), -z


def hits(xy: np.ndarray, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of pixels (..., 2): the depth seen, on the plate or not, and where in the plate's frame."""
    rays = np.stack(
        [(xy[..., 0] - W / 2) / FOCAL, -(xy[..., 1] - H / 2) / FOCAL, -np.ones(xy.shape[:-1])], -1
    )
    normal = turned(np.array([0.0, 0.0, 1.0]), t)
    depth = ((position(t) - EYE) @ normal) / (rays @ normal)
    world = EYE + rays * depth[..., None] - position(t)
    axes = np.stack([turned(axis, t) for axis in np.eye(3)])
    local = world @ axes.T
    plate = (np.abs(local[..., :2]) <= HALF).all(-1) & (depth > 0)
    return np.where(plate, depth, EYE[2] - WALL), plate, local


def write_trial(path: Path, raw_depth: bool = False, without: tuple[str, ...] = ()) -> Path:
    """The hdf5 file; `without` names members that are left out."""
    centres = np.stack(np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5), -1)
    a, b = -(FAR + NEAR) / (FAR - NEAR), -2 * FAR * NEAR / (FAR - NEAR)
    projection = np.array(
        [[2 * FOCAL / W, 0, 0, 0], [0, 2 * FOCAL / H, 0, 0], [0, 0, a, b], [0, 0, -1, 0]]
    )
    view = np.eye(4)
    view[:3, 3] = -EYE
    members = {
        "static/object_ids": np.array([7], np.int32),
        "static/object_segmentation_colors": np.array([RED], np.uint8),
        "static/mass": np.ones(1, np.float32),
    }
    for t in range(T):
        depth, plate, _ = hits(centres, t)
        share = depth / (FAR - NEAR) * 256
        bytes_ = [np.floor(share), np.floor(share % 1 * 256), np.round(share * 256 % 1 * 256)]
        coded = np.stack(bytes_, -1).clip(0, 255).astype(np.uint8)
        shown = np.where(plate[..., None], RED, (0, 0, 9)).astype(np.uint8)
        picture = np.full((H, W, 3), 40 * t + 30, np.uint8)
        frame = f"frames/{t:04d}"
        members |= {
            f"{frame}/images/_img": file_bytes(picture, ".jpg"),
            f"{frame}/images/_id": file_bytes(shown, ".png"),
            f"{frame}/images/_depth": coded if raw_depth else file_bytes(coded, ".png"),
            f"{frame}/objects/positions": position(t)[None].astype(np.float32),
            f"{frame}/objects/rotations": quaternion(t)[None].astype(np.float32),
            f"{frame}/camera_matrices/projection_matrix": projection.astype(np.float32).ravel(),
            f"{frame}/camera_matrices/camera_matrix": view.astype(np.float32).ravel(),
        }
    with h5py.File(path, "w") as file:
        for name, value in members.items():
            if not any(name.endswith(left_out) for left_out in without):
                file[name] = value
    return path


def file_bytes(image: np.ndarray, suffix: str) -> np.ndarray:
    """An image file as the bytes that the trial stores."""
    return cv2.imencode(suffix, np.ascontiguousarray(image[..., ::-1]))[1].ravel()
