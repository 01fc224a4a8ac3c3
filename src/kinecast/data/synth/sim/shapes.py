"""Shapes of rigid bodies: what is seen, and the convex parts that collide.

Every shape is about 1 across before it is scaled, and its origin is its middle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from kinecast.data.synth.sim.engine import mujoco

_G = mujoco.mjtGeom
_SEEN, _HIDDEN = 0, 3  # geom groups: MuJoCo draws 0 to 2
_AROUND, _ALONG = 24, 64  # facets of a tube

Curve = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, "n 3"]]  # of [0, 2 pi)


@dataclass(frozen=True, eq=False)
class Shape:
    """A rigid shape.

    Attributes:
        parts: (type, half sizes, position, quaternion) of convex primitives, which collide.
        mesh: vertices (V, 3) and triangles (F, 3) that are seen; None: the parts are.
        hull: the mesh's own convex hull collides, not `parts`.
    """

    parts: tuple[tuple[Any, Sequence[float], Sequence[float], Sequence[float]], ...] = ()
    mesh: tuple[Float[np.ndarray, "v 3"], Int[np.ndarray, "f 3"]] | None = None
    hull: bool = False

    def radius(self) -> float:
        """Of the ball around the origin that holds the shape."""
        if self.mesh is not None:
            return float(np.linalg.norm(self.mesh[0], axis=1).max())
        return max(float(np.linalg.norm(p) + _reach(kind, half)) for kind, half, p, _ in self.parts)


def add(
    spec: Any, body: Any, shape: Shape, scale: float, density: float, material: str
) -> list[str]:
    """Give a body the geoms of a shape; returns the names of those that collide.

    Mass and inertia are those of what is seen (uniform density); the geoms collide only in the
    pairs that `contacts.touch` makes.
    """
    names = []
    alone = {"contype": 0, "conaffinity": 0}
    if shape.mesh is not None:
        vertices, faces = shape.mesh
        name = f"{body.name} mesh"
        spec.add_mesh(
            name=name,
            uservert=(scale * vertices).ravel(),
            userface=faces.ravel().astype(np.int32),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_EXACT,
        )
        body.add_geom(
            name=name, type=_G.mjGEOM_MESH, meshname=name, material=material, density=density,
            group=_SEEN, **alone,
        )  # fmt: skip
        if shape.hull:
            return [name]
    for i, (kind, half, position, turn) in enumerate(shape.parts):
        names.append(f"{body.name} part {i}")
        seen = shape.mesh is None
        body.add_geom(
            name=names[-1], type=kind, size=scale * np.resize([*half, 0, 0], 3),
            pos=scale * np.asarray(position), quat=turn, material=material,
            density=density if seen else 0.0, group=_SEEN if seen else _HIDDEN, **alone,
        )  # fmt: skip
    return names


_UPRIGHT = (1.0, 0.0, 0.0, 0.0)


def _solid(kind: Any, *half: float) -> Shape:
    return Shape(parts=((kind, half, (0.0, 0.0, 0.0), _UPRIGHT),))


def _reach(kind: Any, half: Sequence[float]) -> float:
    """Farthest point of a primitive from its middle."""
    if kind == _G.mjGEOM_CAPSULE:
        return float(sum(half))
    if kind in (_G.mjGEOM_CYLINDER, _G.mjGEOM_BOX):
        return float(np.linalg.norm(half))
    return float(max(half))  # sphere, ellipsoid


def _cone() -> Shape:
    angle = 2 * np.pi * np.arange(_ALONG) / _ALONG
    rim = np.column_stack([0.5 * np.cos(angle), 0.5 * np.sin(angle), np.full(_ALONG, -0.25)])
    vertices = np.vstack([rim, [[0, 0, -0.25], [0, 0, 0.75]]])
    i, j = np.arange(_ALONG), (np.arange(_ALONG) + 1) % _ALONG
    base, side = np.full(_ALONG, _ALONG), np.full(_ALONG, _ALONG + 1)
    faces = np.vstack([np.column_stack([j, i, base]), np.column_stack([i, j, side])])
    return Shape(mesh=(vertices, faces), hull=True)


def _tube(curve: Curve, radius: float, along: int, parts: int) -> Shape:
    """A tube around a closed curve; a chain of capsules collides."""
    at = 2 * np.pi * np.arange(along) / along
    middle = curve(at)
    ahead = curve(at + 1e-3) - curve(at - 1e-3)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, middle + np.array([0.0, 0.0, 1e-9]))  # never along the tube here
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(ahead, side)
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    ring = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
    vertices = (middle[:, None] + radius * ring).reshape(-1, 3)
    a = np.arange(along)[:, None] * _AROUND + np.arange(_AROUND)
    b, c = np.roll(a, -1, axis=0), np.roll(a, -1, axis=1)
    d = np.roll(b, -1, axis=1)
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([c, d, b], -1)]).reshape(-1, 3)
    ends = curve(2 * np.pi * np.arange(parts + 1) / parts)
    capsules = tuple(_capsule(p, q, radius) for p, q in pairwise(ends))
    return Shape(parts=capsules, mesh=(vertices, faces))


def _capsule(p: np.ndarray, q: np.ndarray, radius: float) -> tuple[Any, tuple, tuple, tuple]:
    turn = np.zeros(4)
    mujoco.mju_quatZ2Vec(turn, (q - p) / np.linalg.norm(q - p))
    half = float(np.linalg.norm(q - p)) / 2
    return (_G.mjGEOM_CAPSULE, (radius, half), tuple((p + q) / 2), tuple(turn))


def _ring(t: np.ndarray) -> np.ndarray:
    return 0.36 * np.column_stack([np.cos(t), np.sin(t), np.zeros_like(t)])


def _trefoil(t: np.ndarray) -> np.ndarray:
    reach = 0.27 + 0.13 * np.cos(3 * t)
    return np.column_stack([reach * np.cos(2 * t), reach * np.sin(2 * t), 0.16 * np.sin(3 * t)])


def _gear(teeth: int = 10) -> Shape:
    """A disc with teeth; a cylinder and a box a tooth collide."""
    inner, outer, half = 0.38, 0.5, 0.14
    corner = np.tile([inner, inner, outer, outer], teeth)
    share = (np.arange(teeth)[:, None] + np.array([0.0, 0.5, 0.6, 0.9])).ravel() / teeth
    angle = 2 * np.pi * share
    n = len(angle)
    flat = np.column_stack([corner * np.cos(angle), corner * np.sin(angle)])
    vertices = np.vstack([np.column_stack([flat, np.full(n, z)]) for z in (-half, half)])
    vertices = np.vstack([vertices, [[0, 0, -half], [0, 0, half]]])
    i, j = np.arange(n), (np.arange(n) + 1) % n
    low, high = np.full(n, 2 * n), np.full(n, 2 * n + 1)
    faces = np.vstack(
        [
            np.column_stack([j, i, low]), np.column_stack([i + n, j + n, high]),
            np.column_stack([i, j, j + n]), np.column_stack([i, j + n, i + n]),
        ]
    )  # fmt: skip
    disc = (_G.mjGEOM_CYLINDER, (inner, half), (0.0, 0.0, 0.0), _UPRIGHT)
    width = np.pi * (inner + outer) / 2 / teeth * 0.4
    boxes = []
    for k in range(teeth):
        turn = 2 * np.pi * (k + 0.75) / teeth
        quaternion = (np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2))
        reach = 0.5 * (inner + outer) - 0.02
        middle = (reach * np.cos(turn), reach * np.sin(turn), 0.0)
        boxes.append((_G.mjGEOM_BOX, (0.08, width, half), middle, quaternion))
    return Shape(parts=(disc, *boxes), mesh=(vertices, faces))


CUBE = _solid(_G.mjGEOM_BOX, 0.5, 0.5, 0.5)
CYLINDER = _solid(_G.mjGEOM_CYLINDER, 0.5, 0.5)
SPHERE = _solid(_G.mjGEOM_SPHERE, 0.5)
CAPSULE = _solid(_G.mjGEOM_CAPSULE, 0.25, 0.35)
ELLIPSOID = _solid(_G.mjGEOM_ELLIPSOID, 0.6, 0.4, 0.3)
BRICK = _solid(_G.mjGEOM_BOX, 0.6, 0.35, 0.2)
CONE = _cone()
TORUS = _tube(_ring, 0.14, _ALONG, 16)
TORUS_KNOT = _tube(_trefoil, 0.075, 3 * _ALONG, 36)
GEAR = _gear()
