"""What a rendered world is, before it moves.

World axes: x right, y away, z up; metres and seconds, as in MuJoCo.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from kinecast.core.coords import Size, check_size
from kinecast.core.errors import UserError

Control = Callable[[Any, Any, float], None]  # (MjModel, MjData, seconds): writes data.ctrl

CAMERAS = ("static", "moving")


@dataclass(frozen=True)
class Shot:
    """What is asked of a family.

    Attributes:
        frames: T.
        fps: frames a second.
        size: (W, H) pixels of every view.
        camera: "static" or "moving".

    Raises:
        UserError: counts that make no clip, or another camera.
    """

    frames: int
    fps: float
    size: Size
    camera: str = "static"

    def __post_init__(self) -> None:
        check_size(self.size)
        if self.frames < 1 or not 0 < self.fps < np.inf:
            raise UserError(
                f"expected frames >= 1 and fps > 0, got frames={self.frames}, fps={self.fps}"
            )
        if self.camera not in CAMERAS:
            raise UserError(f"expected a camera {' or '.join(CAMERAS)}, got {self.camera!r}")

    def times(self) -> Float[np.ndarray, " t"]:
        """Seconds of each frame."""
        return np.arange(self.frames) / self.fps


@dataclass(frozen=True)
class Thing:
    """An object that masks and labels know; the i-th of a setup has id i + 1 (0: background).

    Attributes:
        bodies: names of its bodies; bodies below them in the tree belong to it too.
        shape, size, material, colour: words, "" where there is none.
    """

    bodies: tuple[str, ...]
    shape: str
    size: str = ""
    material: str = ""
    colour: str = ""


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Where a camera is in each frame; its principal point is the middle of the frame.

    Attributes:
        name: of the view.
        position, target, up: (T, 3), or (3,) where it does not move; in coordinates of the body
            `mount`, the world without one. `up` need not be perpendicular to the view.
        fovy: vertical field of view, radians.
        mount: body that carries the camera, or None.
    """

    name: str
    position: Float[np.ndarray, "*t 3"]
    target: Float[np.ndarray, "*t 3"]
    fovy: float
    up: Float[np.ndarray, "*t 3"] = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    mount: str | None = None


@dataclass(frozen=True, eq=False)
class Setup:
    """A world and how it starts.

    Attributes:
        spec: bodies, joints, floor, lights, materials (`mujoco.MjSpec`). Geoms of groups 0 to 2 are
            seen (2: without a shadow); sites and tendons are not. Cameras need not be in it.
        cameras: one per view, at least one.
        things: what moves and is named.
        velocities: (6,) of bodies with a free joint: linear m/s, angular rad/s, world axes.
        positions: start of hinge and slide joints, by joint name.
        control: called before every step, for actuators; its seconds are negative while settling.
        text: instruction or caption.
        facts: further labels for the file, JSON-able.
        settle: seconds simulated before frame 0 (velocities are set after them).
    """

    spec: Any
    cameras: tuple[CameraPath, ...]
    things: tuple[Thing, ...]
    velocities: Mapping[str, Float[np.ndarray, " 6"]] = field(default_factory=dict)
    positions: Mapping[str, float] = field(default_factory=dict)
    control: Control | None = None
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    settle: float = 0.0


# A family draws what frame 0 shows from `scene` and all else from `motion`: the same scene stream
# with other motion streams gives many futures of one first frame.
Draw = Callable[[Generator, Generator, Shot], Setup]


@dataclass(frozen=True)
class Family:
    """Rendered worlds of one kind.

    Attributes:
        draw: makes a setup of (scene stream, motion stream, shot).
        shot: frames, fps and size where the user states none.
    """

    draw: Draw
    shot: Shot
