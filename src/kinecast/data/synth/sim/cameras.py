"""Paths of a camera: where it stands, and how it moves from there."""

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from kinecast.core.coords import Size
from kinecast.data.synth.sim.setup import CameraPath, Shot

FOCAL_MM, SENSOR_MM = 35.0, 32.0  # Kubric's camera, its square sensor


def field_of_view(size: Size, focal: float = FOCAL_MM) -> float:
    """Vertical field of view, radians, of a lens of `focal` millimetres.

    A frame that is not square has the square sensor's area: wider than it, and less high.
    """
    pixels = focal / SENSOR_MM * np.sqrt(size[0] * size[1])
    return float(2 * np.arctan(size[1] / 2 / pixels))


def camera(
    motion: Generator,
    shot: Shot,
    position: Float[np.ndarray, " 3"],
    target: Float[np.ndarray, " 3"],
    name: str = "camera",
    focal: float = FOCAL_MM,
) -> CameraPath:
    """A camera that starts at `position` and looks at `target`, and stays or moves as asked.

    Moving, it slides along a line, turns around the target on an arc, or is held by hand; which,
    and how, comes from `motion`: frame 0 is the same for every future.
    """
    fovy = field_of_view(shot.size, focal)
    if shot.camera == "static":
        return CameraPath(name, position, target, fovy)
    way = motion.choice(["line", "arc", "hand"])
    arm = position - target
    period = motion.uniform(8.0, 16.0)  # seconds: it comes back, however long the clip
    s = np.sin(2 * np.pi * shot.times() / period) * period / (2 * np.pi)
    if way == "line":
        speed = 0.12 * np.linalg.norm(arm) * motion.uniform(-1, 1, 3)
        return CameraPath(name, position + s[:, None] * speed, target, fovy)
    if way == "arc":
        angle = s * np.radians(motion.uniform(8, 25)) * motion.choice([-1, 1])
        turned = np.column_stack(
            [
                np.cos(angle) * arm[0] - np.sin(angle) * arm[1],
                np.sin(angle) * arm[0] + np.cos(angle) * arm[1],
                np.full(shot.frames, arm[2]) * (1 + 0.1 * motion.uniform(-1, 1) * s),
            ]
        )
        return CameraPath(name, target + turned, target, fovy)
    reach = np.linalg.norm(arm)
    sway = reach * _shake(motion, shot, 9, 0.02)
    up = np.array([0.0, 0.0, 1.0]) + _shake(motion, shot, 3, 0.025)
    return CameraPath(name, position + sway[:, :3], target + 1.5 * sway[:, 3:6], fovy, up=up)


def _shake(motion: Generator, shot: Shot, count: int, size: float) -> Float[np.ndarray, "t k"]:
    """Smooth wandering from 0 at frame 0: waves of 0.2 to 3 Hz, the slower the larger."""
    hertz = np.exp(motion.uniform(np.log(0.2), np.log(3.0), (5, count)))
    phase = motion.uniform(0, 2 * np.pi, (5, count))
    height = size * motion.normal(size=(5, count)) / (1 + 2 * hertz)
    wave = np.sin(2 * np.pi * hertz * shot.times()[:, None, None] + phase) - np.sin(phase)
    return np.sum(height * wave, axis=1)
