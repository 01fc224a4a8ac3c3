"""Path-traced pictures of a simulated world with Blender's Cycles (`bpy`, GPL; not a dependency).

Blender keeps one world for the whole process: do not call this where Blender is used otherwise.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.data.synth.sim.path_scene import Lamp, PathScene, Solid, path_scene
from kinecast.data.synth.sim.render import SKY
from kinecast.data.synth.sim.setup import Setup
from kinecast.data.synth.sim.simulate import Poses
from kinecast.io.image import read_image

_BOUNCES = 5


def trace(
    setup: Setup, poses: Poses, size: Size, camera: int = 0, samples: int = 64
) -> UInt8[np.ndarray, "t h w 3"]:
    """What a camera of a world sees, `samples` light paths a pixel.

    Raises:
        UserError: bpy is not installed.
    """
    bpy = installed()
    objects = _build(bpy, path_scene(setup, poses), poses, size, camera)
    scene = bpy.context.scene
    scene.cycles.samples = samples
    frames = []
    with TemporaryDirectory() as folder:
        for t in range(len(poses)):
            _pose(bpy, objects, poses, camera, t)
            scene.cycles.seed = t
            scene.render.filepath = str(Path(folder, f"{t}.png"))
            bpy.ops.render.render(write_still=True)
            frames.append(read_image(scene.render.filepath))
    return np.stack(frames)


def meets(
    setup: Setup, poses: Poses, size: Size, camera: int = 0, frame: int = 0
) -> Int[np.ndarray, "h w"]:
    """The geom that a ray of Blender's camera through each pixel's centre meets, or SKY.

    Raises:
        UserError: bpy is not installed.
    """
    bpy = installed()
    objects = _build(bpy, path_scene(setup, poses), poses, size, camera)
    _pose(bpy, objects, poses, camera, frame)
    scene, graph = bpy.context.scene, bpy.context.evaluated_depsgraph_get()
    eye = scene.camera
    # corners of the picture at some distance: right top, right bottom, left bottom, left top
    corner = np.array([eye.matrix_world @ v for v in eye.data.view_frame(scene=scene)])
    start = np.array(eye.matrix_world.translation)
    right, down = corner[0] - corner[3], corner[2] - corner[3]
    W, H = size
    geom = np.full((H, W), SKY)
    for row, column in np.ndindex(H, W):
        through = corner[3] + (column + 0.5) / W * right + (row + 0.5) / H * down
        hit, _, _, _, met, _ = scene.ray_cast(graph, start, through - start)
        if hit:
            geom[row, column] = met["geom"]
    return geom


def installed() -> Any:
    """The package bpy.

    Raises:
        UserError: it is not installed.
    """
    try:
        import bpy
    except ModuleNotFoundError as error:
        raise UserError(
            "pictures by Cycles need Blender's package bpy (GPL), which is not installed; "
            "run: pip install bpy==4.5.*"
        ) from error
    return bpy


def _build(bpy: Any, world: PathScene, poses: Poses, size: Size, camera: int) -> dict[int, Any]:
    """An empty Blender with the world in it; returns the objects by number of their geom."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.max_bounces = _BOUNCES
    scene.cycles.use_denoising = True
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.view_settings.view_transform = "Standard"  # sRGB, no film look
    scene.world = bpy.data.worlds.new("sky")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs["Color"].default_value = (*world.sky, 1)
    lens = bpy.data.cameras.new("camera")
    lens.sensor_fit, lens.angle = "VERTICAL", float(poses.fovy[camera])
    lens.clip_start, lens.clip_end = 0.01, 1000.0
    scene.camera = _add(bpy, "camera", lens)
    for lamp in world.lamps:
        _light(bpy, lamp)
    objects = {}
    for solid in world.solids:
        made = _add(bpy, f"geom {solid.geom}", _mesh(bpy, solid))
        made["geom"] = solid.geom
        objects[solid.geom] = made
    return objects


def _pose(bpy: Any, objects: dict[int, Any], poses: Poses, camera: int, t: int) -> None:
    for geom, thing in objects.items():
        thing.matrix_world = _matrix(poses.geom_rotation[t, geom], poses.geom_position[t, geom])
    # Blender's camera looks along its -z with y up, as MuJoCo's does
    bpy.context.scene.camera.matrix_world = _matrix(
        poses.camera_rotation[t, camera], poses.camera_position[t, camera]
    )
    bpy.context.view_layer.update()


def _matrix(rotation: np.ndarray, position: np.ndarray) -> Any:
    from mathutils import Matrix

    return Matrix(np.vstack([np.column_stack([rotation, position]), [0, 0, 0, 1]]).tolist())


def _add(bpy: Any, name: str, what: Any) -> Any:
    made = bpy.data.objects.new(name, what)
    bpy.context.collection.objects.link(made)
    return made


def _light(bpy: Any, lamp: Lamp) -> None:
    light = bpy.data.lights.new("lamp", "POINT")
    strength = max(lamp.radiance)
    light.color = [c / strength for c in lamp.radiance]
    light.shadow_soft_size = lamp.radius
    light.energy = 4 * np.pi**2 * lamp.radius**2 * strength  # watts of a ball of that radiance
    made = _add(bpy, "lamp", light)
    made.location = lamp.place
    made.visible_camera = False


def _mesh(bpy: Any, solid: Solid) -> Any:
    mesh = bpy.data.meshes.new(f"geom {solid.geom}")
    count = len(solid.surface.corners)
    faces = np.arange(3 * count).reshape(count, 3)
    mesh.from_pydata(solid.surface.corners.reshape(-1, 3).tolist(), [], faces.tolist())
    mesh.shade_smooth()
    mesh.normals_split_custom_set(solid.surface.normals.reshape(-1, 3).tolist())
    if solid.surface.uv is not None:
        layer = mesh.uv_layers.new()
        layer.data.foreach_set("uv", solid.surface.uv.ravel())
    mesh.materials.append(_material(bpy, solid))
    return mesh


def _material(bpy: Any, solid: Solid) -> Any:
    material = bpy.data.materials.new(f"geom {solid.geom}")
    material.use_nodes = True
    tree = material.node_tree
    look = tree.nodes["Principled BSDF"].inputs
    look["Base Color"].default_value = (*solid.colour, 1)
    look["Roughness"].default_value = solid.roughness
    look["Metallic"].default_value = float(solid.metal)
    if solid.texture is not None:
        h, w = solid.texture.shape[:2]
        image = bpy.data.images.new(f"geom {solid.geom}", w, h)
        opaque = np.concatenate([solid.texture / 255, np.ones((h, w, 1))], -1)
        image.pixels.foreach_set(opaque.astype(np.float32).ravel())
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        tree.links.new(node.outputs["Color"], look["Base Color"])
    return material
