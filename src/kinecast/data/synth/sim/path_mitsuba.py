"""Path-traced pictures of a simulated world with mitsuba (extra `mitsuba`)."""

from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from kinecast.core.coords import Size
from kinecast.core.extra import optional
from kinecast.data.synth.sim.path_scene import (
    PathScene,
    Solid,
    displayed,
    path_scene,
    to_world,
)  # fmt: skip
from kinecast.data.synth.sim.render import SKY
from kinecast.data.synth.sim.setup import Setup
from kinecast.data.synth.sim.simulate import Poses

_BOUNCES = 5


def trace(
    setup: Setup, poses: Poses, size: Size, camera: int = 0, samples: int = 64
) -> UInt8[np.ndarray, "t h w 3"]:
    """What a camera of a world sees, `samples` light paths a pixel; the same bytes every time.

    Raises:
        MissingExtraError: mitsuba is not installed.
    """
    mi = installed()
    world = path_scene(setup, poses)
    frames = []
    for t in range(len(poses)):
        scene = _scene(mi, world, poses, size, camera, t)
        seen = np.array(mi.render(scene, spp=samples, seed=t), float)
        # lamps and sky are hidden; behind what is solid (alpha) is the sky
        frames.append(displayed(seen[..., :3] + (1 - seen[..., 3:]) * world.sky))
    return np.stack(frames)


def meets(
    setup: Setup, poses: Poses, size: Size, camera: int = 0, frame: int = 0
) -> Int[np.ndarray, "h w"]:
    """The geom that mitsuba's ray through each pixel's centre meets, or SKY.

    Raises:
        MissingExtraError: mitsuba is not installed.
    """
    mi = installed()
    world = path_scene(setup, poses)
    scene = _scene(mi, world, poses, size, camera, frame)
    number = {f"geom {solid.geom}": solid.geom for solid in world.solids}
    W, H = size
    geom = np.full((H, W), SKY)
    for row, column in np.ndindex(H, W):
        at = mi.Point2f((column + 0.5) / W, (row + 0.5) / H)
        ray, _ = scene.sensors()[0].sample_ray(0.0, 0.5, at, mi.Point2f(0.5))
        hit = scene.ray_intersect(ray)
        while hit.is_valid() and hit.shape.id() not in number:  # a lamp: not seen
            ray = hit.spawn_ray(ray.d)
            hit = scene.ray_intersect(ray)
        if hit.is_valid():
            geom[row, column] = number[hit.shape.id()]
    return geom


def installed() -> Any:
    """The package, in the variant that runs anywhere.

    Raises:
        MissingExtraError: mitsuba is not installed.
    """
    mi = optional("mitsuba", "mitsuba")
    mi.set_variant("scalar_rgb")  # needs no LLVM and no graphics card
    return mi


def _scene(mi: Any, world: PathScene, poses: Poses, size: Size, camera: int, frame: int) -> Any:
    pose = np.eye(4)
    # mitsuba's camera looks along +z with x to the left
    turn = poses.camera_rotation[frame, camera] @ np.diag([-1.0, 1.0, -1.0])
    pose[:3, :3], pose[:3, 3] = turn, poses.camera_position[frame, camera]
    parts: dict[str, Any] = {
        "type": "scene",
        "integrator": {"type": "path", "max_depth": _BOUNCES, "hide_emitters": True},
        "sensor": {
            "type": "perspective", "fov_axis": "y", "fov": float(np.degrees(poses.fovy[camera])),
            "near_clip": 0.01, "far_clip": 1000.0, "to_world": mi.ScalarTransform4f(pose),
            "film": {"type": "hdrfilm", "width": size[0], "height": size[1],
                     "rfilter": {"type": "box"}, "component_format": "float32",
                     "pixel_format": "rgba"},
            "sampler": {"type": "independent"},
        },
        "sky": {"type": "constant", "radiance": _rgb(world.sky)},
    }  # fmt: skip
    for i, lamp in enumerate(world.lamps):
        parts[f"lamp {i}"] = {
            "type": "sphere", "center": list(lamp.place), "radius": lamp.radius,
            "emitter": {"type": "area", "radiance": _rgb(lamp.radiance)},
        }  # fmt: skip
    for solid in world.solids:
        parts[f"geom {solid.geom}"] = _shape(mi, solid, *to_world(poses, solid, frame))
    return mi.load_dict(parts)


def _shape(mi: Any, solid: Solid, corners: np.ndarray, normals: np.ndarray) -> Any:
    count, uv = len(corners), solid.surface.uv
    look = mi.Properties()
    look["bsdf"] = mi.load_dict(_surface(mi, solid))
    mesh = mi.Mesh(
        f"geom {solid.geom}", 3 * count, count, look, has_vertex_normals=True,
        has_vertex_texcoords=uv is not None,
    )  # fmt: skip
    values = mi.traverse(mesh)
    values["vertex_positions"] = corners.astype(np.float32).ravel()
    values["vertex_normals"] = normals.astype(np.float32).ravel()
    values["faces"] = np.arange(3 * count, dtype=np.uint32)
    if uv is not None:
        values["vertex_texcoords"] = uv.astype(np.float32).ravel()
    values.update()
    mesh.set_id(f"geom {solid.geom}")
    return mesh


def _surface(mi: Any, solid: Solid) -> dict[str, Any]:
    colour: dict[str, Any] = _rgb(solid.colour)
    if solid.texture is not None:
        colour = {"type": "bitmap", "bitmap": mi.Bitmap(solid.texture), "raw": False}
    return {
        "type": "twosided",
        "inner": {
            "type": "principled", "base_color": colour, "roughness": solid.roughness,
            "metallic": float(solid.metal), "specular": 0.5,
        },
    }  # fmt: skip


def _rgb(values: Any) -> dict[str, Any]:
    return {"type": "rgb", "value": [float(v) for v in values]}
