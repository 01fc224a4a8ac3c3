"""What the families share: a lit floor, solid bodies, a camera."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from kinecast.data.synth.sim import movi
from kinecast.data.synth.sim.cameras import camera
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import CameraPath, Control, Shot, Thing

# MOVi's eight and four more, RGB in [0, 1].
COLOURS = {name: tuple(c / 255 for c in rgb) for name, rgb in movi.COLOURS.items()} | {
    "orange": (0.95, 0.5, 0.1), "pink": (0.95, 0.55, 0.65),
    "white": (0.9, 0.9, 0.88), "black": (0.08, 0.08, 0.09),
}  # fmt: skip
Vector = Sequence[float] | np.ndarray
WOOD, STEEL = (0.55, 0.4, 0.26), (0.72, 0.73, 0.76)


def stage(scene: Generator, reach: float, step: float = 0.004) -> Any:
    """An empty world of about `reach` metres: floor "floor", one sun with shadows, one weak fill.

    The floor is plain, checked or planked; its colours and the light's colour and direction vary.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = step
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.stat.center, spec.stat.extent = [0, 0, 0], reach
    spec.visual.map.znear, spec.visual.map.zfar = 0.01, 60
    spec.visual.map.shadowclip = 12.0  # as far as the floor is seen to have shadows
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 4096, 4
    spec.visual.headlight.diffuse = [0.1] * 3
    spec.visual.headlight.specular = [0.0] * 3
    spec.visual.headlight.ambient = [scene.uniform(0.2, 0.35)] * 3
    _sky(spec, scene)
    _floor(spec, scene, reach)
    warmth = np.array([1, 1, 1]) - scene.uniform(0, 0.12) * np.array([0, 0.5, 1])
    side, high = scene.uniform(0, 2 * np.pi), scene.uniform(0.9, 1.25)
    for scale, turn, shadow in ((0.6, 0.0, True), (0.25, 2.2, False)):
        down = [np.cos(high) * np.cos(side + turn), np.cos(high) * np.sin(side + turn)]
        spec.worldbody.add_light(
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=[-5 * reach * down[0], -5 * reach * down[1], 5 * reach * np.sin(high)],
            dir=[*down, -np.sin(high)], diffuse=scale * warmth, specular=[0.2 * scale] * 3,
            castshadow=shadow,
        )  # fmt: skip
    return spec


def _sky(spec: Any, scene: Generator) -> None:
    tint = scene.uniform(0.55, 0.9) + scene.uniform(-0.06, 0.06, 3)
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, width=64, height=384,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT, rgb1=tint, rgb2=0.6 * tint,
    )  # fmt: skip


def _floor(spec: Any, scene: Generator, reach: float) -> None:
    look = scene.choice(["plain", "checked", "planked"])
    base = scene.uniform(0.35, 0.75) + scene.uniform(-0.08, 0.08, 3)
    material = spec.add_material(name="floor", rgba=[*base, 1], specular=0.1, shininess=0.2)
    if look != "plain":
        other = base * scene.uniform(0.75, 0.92)
        spec.add_texture(
            name="floor", type=mujoco.mjtTexture.mjTEXTURE_2D, width=128, height=128,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER, rgb1=base, rgb2=other,
        )  # fmt: skip
        material.rgba = [1, 1, 1, 1]
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
        cell = 2.0 / reach  # two checks a reach
        material.texrepeat = [cell, cell if look == "checked" else 0.25 * cell]
        material.texuniform = True
    spec.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[40, 40, 0.1], material="floor",
        friction=[0.6, 0.005, 0.0001], conaffinity=3,
    )  # fmt: skip


def colour_names(scene: Generator, count: int) -> list[str]:
    """Names in COLOURS, all different while there are enough."""
    names = list(COLOURS)
    rounds = [scene.permutation(len(names)) for _ in range(-(-count // len(names)))]
    return [names[i] for i in np.concatenate(rounds)[:count]]


def solid(
    parent: Any,
    shape: str,
    size: Vector,
    colour: Vector,
    *,
    density: float = 700.0,
    friction: float = 0.5,
    bounce: float = 0.0,
    position: Vector = (0, 0, 0),
    quat: Vector = (1, 0, 0, 0),
    mesh: str = "",
) -> Any:
    """A geom on a body: box, sphere, cylinder, capsule, ellipsoid or mesh, in metres and kg/m^3.

    `bounce` 0 to 1: how much of its speed it keeps in a collision, roughly.
    """
    return parent.add_geom(
        type=getattr(mujoco.mjtGeom, f"mjGEOM_{shape.upper()}"), size=[*size, 0, 0, 0][:3],
        meshname=mesh, rgba=[*colour, 1], density=density, condim=4, pos=position, quat=quat,
        friction=[friction, 0.005, 0.0005], conaffinity=3,
        solref=[0.02, 1.0 - 0.85 * bounce],
    )  # fmt: skip


def free_body(
    spec: Any,
    name: str,
    position: Vector,
    quat: Vector = (1, 0, 0, 0),
) -> Any:
    """A body that moves freely."""
    body = spec.worldbody.add_body(name=name, pos=position, quat=quat)
    body.add_freejoint(name=name)
    return body


def thing(name: str, shape: str, colour: str = "", *others: str) -> Thing:
    """A thing of one body, or of several."""
    return Thing((name, *others), shape, colour=colour)


def view(
    scene: Generator,
    motion: Generator,
    shot: Shot,
    distance: float,
    target: Vector = (0.0, 0.0, 0.0),
    *,
    azimuth: float = 0.4,
    elevation: tuple[float, float] = (0.2, 0.5),
) -> CameraPath:
    """A camera at about `distance` in front (-y), turned to a side by up to `azimuth` rad.

    The lens covers the same angle across the longer side of the frame, so a view that is right in
    a square frame is right in a wide one from the same place, with less above and below.
    """
    across, up = scene.uniform(-azimuth, azimuth), scene.uniform(*elevation)
    arm = [np.cos(up) * np.sin(across), -np.cos(up) * np.cos(across), np.sin(up)]
    at = np.array(target, float)
    return camera(motion, shot, at + distance * np.array(arm), at)


def turned(axis: Vector, angle: float) -> Float[np.ndarray, " 4"]:
    """Quaternion (w, x, y, z) of a turn by `angle` radians."""
    quat = np.empty(4)
    mujoco.mju_axisAngle2Quat(quat, np.asarray(axis, float), angle)
    return quat


def kick(speeds: Mapping[str, Float[np.ndarray, " d"]]) -> Control:
    """A control that sets joints' speeds (rad/s or m/s, by joint name) at second 0, and no more."""

    def control(model: Any, data: Any, seconds: float) -> None:
        if seconds != 0:
            return
        for name, speed in speeds.items():
            start = model.joint(name).dofadr[0]
            data.qvel[start : start + len(speed)] = speed

    return control
