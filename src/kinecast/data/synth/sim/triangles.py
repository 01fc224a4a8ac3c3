"""Geoms as triangles, with normals that shade round shapes as round."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from kinecast.data.synth.sim.engine import mujoco

_AROUND, _ALONG = 64, 32  # facets of a ball
_SMOOTH = np.cos(np.radians(40))  # faces that bend less shade as one round surface
_ENDLESS = 100.0  # metres: half the side of a plane that has no size


@dataclass(frozen=True, eq=False)
class Surface:
    """F triangles in a geom's own axes, counter-clockwise seen from outside.

    Attributes:
        corners, normals: (F, 3, 3).
        uv: (F, 3, 2) texture coordinates, or None; the texture's first row is at v = 0.
    """

    corners: Float[np.ndarray, "f 3 3"]
    normals: Float[np.ndarray, "f 3 3"]
    uv: Float[np.ndarray, "f 3 2"] | None = None


def surface(model: Any, geom: int) -> Surface:
    """The triangles of a plane, sphere, ellipsoid, capsule, cylinder, box or mesh."""
    kinds = mujoco.mjtGeom
    kind, size = model.geom_type[geom], model.geom_size[geom]
    quarter = np.linspace(0, np.pi / 2, _ALONG // 2 + 1)
    arc = np.column_stack([np.cos(quarter), np.sin(quarter)])  # from the equator up: radius, height
    ball = np.concatenate([arc[::-1] * (1, -1), arc[1:]])
    if kind == kinds.mjGEOM_SPHERE:
        return _turned(ball * size[0], ball)
    if kind == kinds.mjGEOM_ELLIPSOID:
        round_ = _turned(ball, ball)
        normals = round_.normals / size
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        return Surface(round_.corners * size, normals)
    if kind == kinds.mjGEOM_CAPSULE:
        up = np.sign(ball[:, 1:]) * (0, 1)
        up[_ALONG // 2] = (0, -1)
        profile = np.insert(ball * size[0] + up * size[1], _ALONG // 2 + 1, (size[0], size[1]), 0)
        return _turned(profile, np.insert(ball, _ALONG // 2 + 1, (1, 0), 0))
    if kind == kinds.mjGEOM_CYLINDER:
        r, h = size[:2]
        return _joined(
            _turned(np.array([(0, -h), (r, -h)]), np.array([(0, -1), (0, -1)])),
            _turned(np.array([(r, -h), (r, h)]), np.array([(1, 0), (1, 0)])),
            _turned(np.array([(r, h), (0, h)]), np.array([(0, 1), (0, 1)])),
        )
    if kind == kinds.mjGEOM_BOX:
        return _box(size)
    if kind == kinds.mjGEOM_PLANE:
        return _plane(model, geom)
    assert kind == kinds.mjGEOM_MESH, f"no family makes geoms of type {kind}"
    return _mesh(model, int(model.geom_dataid[geom]))


def _turned(profile: np.ndarray, normals: np.ndarray) -> Surface:
    """A profile (P, 2) of radius and height, from below upwards, turned around z."""
    angle = np.linspace(0, 2 * np.pi, _AROUND + 1)
    spoke = np.stack([np.cos(angle), np.sin(angle)], -1)[:, None]

    def rings(of: np.ndarray) -> np.ndarray:
        height = np.broadcast_to(of[None, :, 1:], (len(angle), len(of), 1))
        return np.concatenate([of[None, :, :1] * spoke, height], -1)

    def facets(x: np.ndarray) -> np.ndarray:
        a, b, c, d = x[:-1, :-1], x[1:, :-1], x[1:, 1:], x[:-1, 1:]
        return np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)]).reshape(-1, 3, 3)

    corners, shading = facets(rings(profile)), facets(rings(normals))
    area = np.linalg.norm(np.cross(*(corners[:, 1:] - corners[:, :1]).swapaxes(0, 1)), axis=-1)
    real = area > 1e-12  # at the poles, half of them have no area
    return Surface(corners[real], shading[real])


def _box(half: np.ndarray) -> Surface:
    corners, normals = [], []
    for axis in range(3):
        for side in (-1.0, 1.0):
            u, v = np.roll(np.eye(3), -axis - 1, 0)[:2]
            n = side * np.eye(3)[axis]
            square = [n - u - side * v, n + u - side * v, n + u + side * v, n - u + side * v]
            corners += [[square[i] for i in three] for three in ((0, 1, 2), (0, 2, 3))]
            normals += [[n] * 3] * 2
    return Surface(np.array(corners) * half, np.array(normals))


def _plane(model: Any, geom: int) -> Surface:
    half = np.where(model.geom_size[geom, :2] > 0, model.geom_size[geom, :2], _ENDLESS)
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    xy = square[[[0, 1, 2], [0, 2, 3]]]
    corners = np.concatenate([xy, np.zeros((2, 3, 1))], -1)
    uv, material = None, int(model.geom_matid[geom])
    if material >= 0:
        # as MuJoCo lays them: a uniform texture repeats every 2 / texrepeat metres
        repeat = model.mat_texrepeat[material] / (1 if model.mat_texuniform[material] else half)
        uv = 0.5 * repeat * xy * (1, -1) - 0.5
    return Surface(corners, np.broadcast_to([0.0, 0, 1], corners.shape), uv)


def _mesh(model: Any, mesh: int) -> Surface:
    """A mesh's vertices are stored in the geom's axes; where it bends little it shades as round."""
    first, count = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    faces = model.mesh_face[first : first + count]
    start = model.mesh_vertadr[mesh]
    corners = np.asarray(model.mesh_vert[start + faces], float)
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-30)
    fans = _fans(faces, int(model.mesh_vertnum[mesh]))[faces]  # (F, 3, most): faces at each corner
    near = np.einsum("fd,fkmd->fkm", flat, flat[fans]) > _SMOOTH
    normals = np.einsum("fkm,fkmd->fkd", near & (fans >= 0), area[fans])
    return Surface(corners, normals / np.linalg.norm(normals, axis=-1, keepdims=True))


def _fans(faces: np.ndarray, vertices: int) -> np.ndarray:
    """(V, most) the faces around each vertex, -1 where there are fewer than `most`."""
    vertex, face = faces.ravel(), np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(vertex, kind="stable")
    count = np.bincount(vertex, minlength=vertices)
    place = np.arange(len(vertex)) - np.repeat(np.cumsum(count) - count, count)
    fans = np.full((vertices, count.max()), -1)
    fans[vertex[order], place] = face[order]
    return fans


def _joined(*parts: Surface) -> Surface:
    return Surface(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.normals for part in parts]),
    )
