"""The file beside a clip's tracks that says what is in the picture (docs/rendered.md)."""

from pathlib import Path

import numpy as np

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.film import Take
from kinecast.io.npz import json_array, write_npz

KIND = "kinecast-objects"
VERSION = 1


def save_objects(path: str | Path, take: Take, view: int = 0) -> None:
    """Write masks, poses, velocities, cameras, collisions and labels of a view.

    Keys (K objects, id k + 1 in the masks; N points; world z up, metres, seconds):
        segmentation: uint8 (T, H, W), 0 is the background.
        point_object: uint8 (N,), the object each track is on.
        position (T, K, 3), quaternion (T, K, 4) w first, velocity (T, K, 6): of the object's first
            body, object to world; linear then angular velocity, world axes.
        camera_intrinsics (3, 3), camera_pose (T, 3, 4): pixel = K (R X + t) / z with x right, y
            down, z forward; edge-aligned pixels (docs/formats.md).
        collisions (C, 3): frame, and the ids of two objects that touched.
        labels: JSON: id, text, objects (shape, size, material, colour).

    Raises:
        UserError: the file cannot be written.
    """
    poses, things, seen = take.poses, take.setup.things, take.views[view]
    bodies = [poses.body(thing.bodies[0]) for thing in things]
    W, H = seen.pictures.size
    focal = H / 2 / np.tan(poses.fovy[view] / 2)
    down = np.diag([1.0, -1.0, -1.0])  # MuJoCo's camera has y up and looks along -z
    turn = down @ poses.camera_rotation[:, view].transpose(0, 2, 1)
    shift = -turn @ poses.camera_position[:, view, :, None]
    labels = {
        "id": take.id,
        "view": seen.name,
        "text": take.setup.text,
        "objects": [
            {"shape": t.shape, "size": t.size, "material": t.material, "colour": t.colour}
            for t in things
        ],
        **take.setup.facts,
    }
    arrays = {
        "segmentation": seen.pictures.things(poses),
        "point_object": seen.thing.astype(np.uint8),
        "position": poses.body_position[:, bodies],
        "quaternion": _quaternions(poses.body_rotation[:, bodies]),
        "velocity": poses.body_velocity[:, bodies],
        "camera_intrinsics": np.array([[focal, 0, W / 2], [0, focal, H / 2], [0, 0, 1]]),
        "camera_pose": np.concatenate([turn, shift], axis=-1),
        "collisions": poses.collisions.astype(np.int32),
        "labels": json_array(labels),
    }
    write_npz(path, KIND, VERSION, arrays)


def _quaternions(rotations: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) -> unit quaternions (..., 4), w first and not negative."""
    out = np.zeros((*rotations.shape[:-2], 4))
    for where in np.ndindex(rotations.shape[:-2]):
        mujoco.mju_mat2Quat(out[where], rotations[where].ravel())
    return np.where(out[..., :1] < 0, -out, out)
