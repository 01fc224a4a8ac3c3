"""The grey stage of CLEVR and MOVi: a floor that curves up into a dome, and four lamps."""

from typing import Any

import numpy as np
from numpy.random import Generator

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.render import BACKDROP

FLOOR = "floor"
_GREY = 0.60
_NEAR_LAMP = [0.7, 0.0, 0.02]  # 1 / brightness at d metres: a + b d + c d^2
_FLAT, _BEND, _RADIUS = 14.0, 6.0, 20.0  # metres: flat floor, fillet, dome
_AROUND = 96  # facets of a ring; lamps are evaluated at the corners of facets
# place, brightness, whether it casts a shadow (then its rays are parallel): Kubric's CLEVR lights
_LAMPS = {
    "sun": ((11.66, -6.63, 25.82), 0.38, True),
    "back": ((-1.17, 2.65, 6.67), 0.22, False),
    "key": ((6.45, -2.91, 4.26), 0.34, True),
    "fill": ((-4.67, -4.01, 3.01), 0.22, False),
}


def add_stage(spec: Any, scene: Generator, jitter: float = 1.0) -> None:
    """A floor at z = 0 (geom `FLOOR`, which collides), its dome, ambient light and the lamps.

    Args:
        spec: `mujoco.MjSpec`.
        scene: draws the lamps' places, uniform within `jitter` metres to each side.
    """
    look = spec.visual
    look.headlight.ambient, look.headlight.diffuse = [0.30] * 3, [0.0] * 3
    look.headlight.specular = [0.0] * 3
    look.map.znear, look.map.zfar, spec.stat.extent = 0.01, 80.0, 1.0
    look.map.shadowclip, look.map.shadowscale = 12.0, 0.9
    look.quality.shadowsize, look.quality.offsamples = 2048, 4
    look.quality.numslices, look.quality.numstacks = 48, 32
    spec.add_material(name="stage", rgba=[_GREY, _GREY, _GREY, 1], specular=0.0, shininess=0.0)
    spec.worldbody.add_geom(
        name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], group=3,
        contype=0, conaffinity=0,
    )  # fmt: skip
    _add_dome(spec)
    for name, (place, light, shadow) in _LAMPS.items():
        at = np.array(place) + scene.uniform(-jitter, jitter, 3)
        spec.worldbody.add_light(
            name=name, pos=at, dir=-at if shadow else [0, 0, -1], diffuse=[light] * 3,
            specular=[0.5 * light] * 3, castshadow=shadow, attenuation=_NEAR_LAMP, cutoff=85.0,
            exponent=0.0,
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL if shadow
            else mujoco.mjtLightType.mjLIGHT_SPOT,
        )  # fmt: skip


def _add_dome(spec: Any) -> None:
    """The floor and dome that are seen: a surface of revolution, its facets turned inwards."""
    bend, over = np.linspace(0, np.pi / 2, 16), np.linspace(0, np.pi / 2, 16)
    profile = np.vstack(
        [
            np.column_stack([np.linspace(0.05, _FLAT, 12), np.zeros(12)]),
            np.column_stack([_FLAT + _BEND * np.sin(bend), _BEND * (1 - np.cos(bend))])[1:],
            np.column_stack([_RADIUS * np.cos(over), _BEND + _RADIUS * np.sin(over)])[1:-1],
        ]
    )
    rings = len(profile)
    angle = 2 * np.pi * np.arange(_AROUND) / _AROUND
    turn = np.column_stack([np.cos(angle), np.sin(angle), np.ones(_AROUND)])
    vertices = profile[:, None, [0, 0, 1]] * turn
    vertices = np.vstack([vertices.reshape(-1, 3), [[0, 0, 0], [0, 0, _BEND + _RADIUS]]])
    ring, step = np.arange(rings)[:, None] * _AROUND, np.arange(_AROUND)
    a, b = ring + step, ring + (step + 1) % _AROUND
    middle, top = np.full_like(step, rings * _AROUND), np.full_like(step, rings * _AROUND + 1)
    corners = [
        (b[:-1], a[:-1], a[1:]),
        (b[:-1], a[1:], b[1:]),
        (a[0], b[0], middle),
        (b[-1], a[-1], top),
    ]
    faces = np.concatenate([np.stack(three, axis=-1).reshape(-1, 3) for three in corners])
    spec.add_mesh(
        name="dome", uservert=vertices.ravel(), userface=faces.ravel().astype(np.int32),
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )  # fmt: skip
    spec.worldbody.add_geom(
        name="dome", type=mujoco.mjtGeom.mjGEOM_MESH, meshname="dome", material="stage",
        group=BACKDROP, contype=0, conaffinity=0,
    )  # fmt: skip
