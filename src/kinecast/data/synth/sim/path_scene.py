"""A simulated world as triangles, colours and lamps, for path tracers (mitsuba, Cycles).

MuJoCo draws with lights that have no size and no decay and colours that it multiplies as they are
stored; path tracers want lamps of some size and linear colours. The geometry, the cameras and the
surfaces' colours are the same; light and shadow look more like a photograph.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import Setup
from kinecast.data.synth.sim.simulate import Poses
from kinecast.data.synth.sim.triangles import Surface, surface

_SEEN = 3  # MuJoCo draws the geom groups below this one
_FARTHEST = 14.0  # metres: lamps stand within a closed dome
_WIDTH = 0.08  # radius of a lamp, as a share of its distance
_LEAST = 0.4  # of the light on white, from lamps: shadows are seen under any sky


@dataclass(frozen=True, eq=False)
class Solid:
    """A geom that is seen.

    Attributes:
        geom: its number.
        surface: triangles, in its own axes.
        colour: linear RGB of what it reflects.
        texture: sRGB (h, w, 3) to multiply `colour` with, or None.
        roughness: 0 mirror to 1 matt.
        metal: whether it reflects as metals do.
    """

    geom: int
    surface: Surface
    colour: Float[np.ndarray, " 3"]
    texture: UInt8[np.ndarray, "h w 3"] | None
    roughness: float
    metal: bool


@dataclass(frozen=True)
class Lamp:
    """A ball that shines: place, radius (metres), and the linear radiance of its surface."""

    place: tuple[float, float, float]
    radius: float
    radiance: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class PathScene:
    """What does not change from frame to frame; the poses say where solids and cameras are.

    Attributes:
        solids, lamps: of the world.
        sky: linear RGB radiance of the background.
    """

    solids: tuple[Solid, ...]
    lamps: tuple[Lamp, ...]
    sky: Float[np.ndarray, " 3"]


def path_scene(setup: Setup, poses: Poses) -> PathScene:
    """The world of some poses, as a path tracer wants it."""
    model = poses.model
    seen = [g for g in range(model.ngeom) if model.geom_group[g] < _SEEN]
    return PathScene(tuple(_solid(setup, poses, g) for g in seen), *_lights(model))


def to_world(poses: Poses, solid: Solid, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners (F, 3, 3) and normals (F, 3, 3) of a solid in a frame, world axes."""
    turn, place = poses.geom_rotation[frame, solid.geom], poses.geom_position[frame, solid.geom]
    return solid.surface.corners @ turn.T + place, solid.surface.normals @ turn.T


def linear(srgb: np.ndarray) -> Float[np.ndarray, "*shape"]:
    """sRGB in [0, 1] -> linear light."""
    s = np.asarray(srgb, float)
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def displayed(light: np.ndarray) -> UInt8[np.ndarray, "*shape"]:
    """Linear light -> sRGB bytes."""
    x = np.clip(light, 0, 1)
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return (255 * srgb + 0.5).astype(np.uint8)


def _solid(setup: Setup, poses: Poses, geom: int) -> Solid:
    model = poses.model
    material = int(model.geom_matid[geom])
    rgba = np.array(model.geom_rgba[geom], float)
    shininess, texture = 0.3, None
    if material >= 0:
        # MuJoCo's own rule: the material's colour unless the geom states one
        rgba = model.mat_rgba[material] if np.all(rgba == (0.5, 0.5, 0.5, 1)) else rgba
        shininess = float(model.mat_shininess[material])
        texture = _texture(model, material)
    thing = int(poses.owner[geom])
    metal = thing > 0 and setup.things[thing - 1].material == "metal"
    return Solid(geom, surface(model, geom), linear(rgba[:3]), texture, 1 - 0.8 * shininess, metal)


def _texture(model: Any, material: int) -> np.ndarray | None:
    number = int(model.mat_texid[material, mujoco.mjtTextureRole.mjTEXROLE_RGB])
    if number < 0:
        return None
    size = model.tex_height[number], model.tex_width[number], model.tex_nchannel[number]
    start = model.tex_adr[number]
    return np.array(model.tex_data[start : start + np.prod(size)]).reshape(size)[..., :3]


def _lights(model: Any) -> tuple[tuple[Lamp, ...], np.ndarray]:
    """Lamps and sky that together light white as brightly as MuJoCo's lights do at the origin.

    MuJoCo adds lights in displayed colours, path tracers in linear ones: only the sum can agree.
    """
    spot = model.light_type != mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
    place = np.where(spot[:, None], model.light_pos, -_unit(model.light_dir))
    place *= np.where(spot, 1, np.linalg.norm(model.light_pos, axis=1))[:, None]
    distance = np.linalg.norm(place, axis=1)
    a, b, c = model.light_attenuation.T
    decay = np.where(spot, a + b * distance + c * distance**2, 1)
    shown = model.light_diffuse / decay[:, None]
    ambient = np.array(model.vis.headlight.ambient, float)
    white = linear(np.clip(ambient + shown.sum(0), 0, 1))
    sky = _sky_colour(model, linear(ambient))
    share = shown / shown.sum(0) * np.maximum(white - sky, _LEAST)
    lamps = []
    for way, d, light in zip(_unit(place), np.minimum(distance, _FARTHEST), share, strict=True):
        # a ball of radius r at distance d lights white by (r / d)^2 of its radiance
        lamps.append(Lamp(tuple(d * way), _WIDTH * d, tuple(light / _WIDTH**2)))
    return tuple(lamps), sky


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _sky_colour(model: Any, default: np.ndarray) -> np.ndarray:
    for number in range(model.ntex):
        if model.tex_type[number] == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            start, pixels = model.tex_adr[number], model.tex_width[number] ** 2
            # the first face: one of those around the viewer
            face = model.tex_data[start : start + 3 * pixels].reshape(-1, 3)
            return linear(face.mean(0) / 255)
    return default
