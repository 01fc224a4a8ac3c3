"""What a world is made of: bodies, walls and a camera, each given in every frame.

World axes: x right, y down (gravity), z forward. Lengths: one unit is half the frame's height at
the depth of the subject, so a speed of v units a frame is v * H / 2 pixels a frame there.
Shapes: n clips, T frames, k bodies.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.data.synth.recordings import Recordings


@dataclass(frozen=True)
class Stage:
    """What a family is asked for.

    Attributes:
        frames: T.
        anchor: the frame in which the points are laid.
        size: (W, H) pixels.
        recordings: real motion, or None for procedural motion.
        device: where to compute.
    """

    frames: int
    anchor: int
    size: Size
    recordings: Recordings | None
    device: torch.device

    @property
    def times(self) -> Tensor:
        """Frame numbers as float32 (T,)."""
        return torch.arange(self.frames, dtype=torch.float32, device=self.device)


@dataclass(frozen=True)
class Waves:
    """Displacement of a body's surface, in the body's own unit coordinates q.

    w(q, t) = sum_j direction_j * sin(number_j . q + frequency_j * t + phase_j)

    Attributes:
        direction: (n, J, k+1, 3); the last body is the room.
        number: (n, J, k+1, 3) wave numbers.
        frequency, phase: (n, J, k+1) radians a frame, radians.
    """

    direction: Tensor
    number: Tensor
    frequency: Tensor
    phase: Tensor


@dataclass(frozen=True)
class Bodies:
    """Solids that are affine images of the unit ball (or of the cube [-1, 1]^3).

    Attributes:
        centre: (n, T, k, 3).
        axes: (n, T, k, 3, 3), columns are the semi-axes in world units.
    """

    centre: Tensor
    axes: Tensor

    @property
    def count(self) -> int:
        """Number of bodies k."""
        return self.centre.shape[2]

    def __getitem__(self, some: slice) -> "Bodies":
        """Some of the bodies."""
        return Bodies(self.centre[:, :, some], self.axes[:, :, some])

    def hide(self, absent: Tensor) -> "Bodies":
        """Put the bodies marked in (n, k) away, where no camera sees them."""
        away = torch.tensor([0.0, 500.0, 0.0], device=absent.device)
        small = 0.01 * torch.eye(3, device=absent.device)
        return Bodies(
            torch.where(absent[:, None, :, None], away, self.centre),
            torch.where(absent[:, None, :, None, None], small, self.axes),
        )


def join(*parts: Bodies) -> Bodies:
    """All bodies of several groups (of one kind)."""
    return Bodies(
        torch.cat([p.centre for p in parts], dim=2), torch.cat([p.axes for p in parts], dim=2)
    )


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; its principal point is the middle of the frame.

    Attributes:
        rotation: (n, T, 3, 3) world to camera (x right, y down, z forward).
        position: (n, T, 3) in the world.
        focal: (n, T) pixels.
    """

    rotation: Tensor
    position: Tensor
    focal: Tensor


@dataclass(frozen=True)
class Scene:
    """A batch of worlds.

    Attributes:
        camera: where it is filmed from.
        planes: (n, m, 4) walls of a convex room, (outward unit normal, offset): n . X = offset.
        balls: ellipsoids, or None.
        boxes: parallelepipeds, or None.
        waves: deformation of the surfaces, or None.
        solid: (n, k) how much of each body (balls, then boxes) hides what is behind it, as a
            fraction of its size; 0 for a sheet that must not hide its own points.
    """

    camera: Camera
    planes: Tensor
    balls: Bodies | None = None
    boxes: Bodies | None = None
    waves: Waves | None = None
    solid: Tensor | None = None
