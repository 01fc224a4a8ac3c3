"""MOVi-A, after Kubric's recorded configuration, and a set like MOVi-B of other shapes.

Source: Kubric (Greff et al. 2022), MOVi-A and its public generator: 3 to 10 bodies in a box, thrown
at the centre, CLEVR's colours, lamps and camera. Kubric simulates with Bullet and path-traces with
Blender; here MuJoCo does both, with the same constants.
"""

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from kinecast.core.errors import UserError
from kinecast.data.synth.sim import shapes
from kinecast.data.synth.sim.cameras import camera
from kinecast.data.synth.sim.contacts import Material, simulation, touch
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import Family, Setup, Shot, Thing
from kinecast.data.synth.sim.shapes import Shape
from kinecast.data.synth.sim.stage import FLOOR, add_stage

COLOURS = {
    "blue": (42, 75, 215), "brown": (129, 74, 25), "cyan": (41, 208, 208), "gray": (87, 87, 87),
    "green": (29, 105, 20), "purple": (129, 38, 192), "red": (173, 35, 35), "yellow": (255, 238, 5),
}  # fmt: skip
SIZES = {"small": 0.7, "large": 1.4}
MATERIALS = {"metal": Material(0.4, 0.3, 2700.0), "rubber": Material(0.8, 0.7, 1100.0)}
GLOSS = {"metal": (1.0, 0.9), "rubber": (0.12, 0.1)}  # specular, shininess
FLOOR_MATERIAL = Material(0.3, 0.5)
SPAWN = np.array([[-5.0, -5.0, 1.0], [5.0, 5.0, 5.0]])
CAMERA = np.array([7.48113, -6.50764, 5.34367])
_TRIES = 1000  # places tried for a body

Shapes = Mapping[str, Shape]
CLEVR: Shapes = {"cube": shapes.CUBE, "cylinder": shapes.CYLINDER, "sphere": shapes.SPHERE}
OTHERS: Shapes = {
    "cone": shapes.CONE, "torus": shapes.TORUS, "gear": shapes.GEAR,
    "torus knot": shapes.TORUS_KNOT, "capsule": shapes.CAPSULE, "ellipsoid": shapes.ELLIPSOID,
    "brick": shapes.BRICK,
}  # fmt: skip


def thrown(kinds: Shapes, scene: Generator, motion: Generator, shot: Shot) -> Setup:
    """3 to 10 bodies of some shapes, thrown at the centre."""
    spec = mujoco.MjSpec()
    simulation(spec)
    add_stage(spec, scene)
    things: list[Thing] = []
    placed: list[tuple[np.ndarray, float]] = []
    bodies: list[tuple[list[str], Material]] = [([FLOOR], FLOOR_MATERIAL)]
    for i in range(int(scene.integers(3, 11))):
        kind, size, stuff, colour = (
            str(scene.choice(list(choices))) for choices in (kinds, SIZES, MATERIALS, COLOURS)
        )
        scale = SIZES[size]
        place = _free_place(scene, placed, kinds[kind].radius() * scale)
        turn = scene.normal(size=4)
        name = f"object {i}"
        specular, shininess = GLOSS[stuff]
        spec.add_material(
            name=name, rgba=[*np.array(COLOURS[colour]) / 255, 1], specular=specular,
            shininess=shininess,
        )  # fmt: skip
        body = spec.worldbody.add_body(name=name, pos=place, quat=turn / np.linalg.norm(turn))
        body.add_freejoint()
        geoms = shapes.add(spec, body, kinds[kind], scale, MATERIALS[stuff].density, name)
        bodies.append((geoms, MATERIALS[stuff]))
        things.append(Thing((name,), kind, size, stuff, colour))
    touch(spec, bodies)
    velocities = {
        thing.bodies[0]: np.array([*(motion.uniform(-4, 4, 2) - place[:2]), 0, 0, 0, 0])
        for thing, (place, _) in zip(things, placed, strict=True)
    }
    eye = camera(motion, shot, CAMERA + scene.uniform(0, 1, 3), np.zeros(3))
    return Setup(
        spec, (eye,), tuple(things), velocities, text=_caption(things),
        facts={"fps": shot.fps, "camera": shot.camera},
    )  # fmt: skip


def _free_place(
    scene: Generator, placed: list[tuple[np.ndarray, float]], radius: float
) -> np.ndarray:
    """A place for a ball in the spawn box, clear of those in `placed`; it is noted there."""
    for _ in range(_TRIES):
        place = scene.uniform(SPAWN[0] + radius, SPAWN[1] - radius)
        if all(np.linalg.norm(place - p) > radius + r for p, r in placed):
            placed.append((place, radius))
            return place
    raise UserError(f"no free place for a body of radius {radius:.2f} in the box; use fewer bodies")


def _caption(things: list[Thing]) -> str:
    names = [f"a {t.size} {t.colour} {t.material} {t.shape}" for t in things]
    return f"{', '.join(names[:-1])} and {names[-1]} are thrown at each other over a grey floor"


def _movi_a(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    return thrown(CLEVR, scene, motion, shot)


def _movi_b(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    return thrown(OTHERS, scene, motion, shot)


_SHOT = Shot(frames=24, fps=12.0, size=(256, 256))
MOVI_A = Family(_movi_a, _SHOT)
MOVI_B = Family(_movi_b, _SHOT)
