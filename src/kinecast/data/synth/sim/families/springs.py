"""Springs: weights that hang on coil springs bounce and swing."""

from typing import Any

from numpy.random import Generator

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    STEEL,
    WOOD,
    colour_names,
    kick,
    solid,
    stage,
    view,
)  # fmt: skip
from kinecast.data.synth.sim.setup import Family, Setup, Shot, Thing

_RINGS = 14
_RING_MASS = 0.01
_HEIGHT = 1.5


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    spec.add_mesh(name="ring", scale=[0.055] * 3).make_supertorus(24, 0.14, 1, 1)
    count = int(scene.integers(1, 4))
    names = colour_names(scene, count)
    _frame(spec, 0.3 * count + 0.2)
    things, kicks = [], {}
    for i in range(count):
        x = 0.6 * (i - (count - 1) / 2)
        _spring(spec, i, x, scene, motion, COLOURS[names[i]])
        things.append(Thing((f"weight_{i}", f"hang_{i}"), "weight on a spring", colour=names[i]))
        # a hit: the weight's speed along the spring and the swing's turning speed
        kicks[f"hang_{i}"] = motion.uniform(-1.6, 1.6, 3) * (1, 1, 0)
        kicks[f"weight_{i}"] = motion.uniform(-1.5, 1.0, 1)
    camera = view(scene, motion, shot, 2.9, (0, 0, 0.8), azimuth=0.5, elevation=(0.0, 0.3))
    return Setup(spec, (camera,), tuple(things), control=kick(kicks),
                 text=f"{count} weight{'s' * (count > 1)} on springs")  # fmt: skip


def _frame(spec: Any, half: float) -> None:
    def beam(size: tuple, pos: tuple) -> None:
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=size, pos=pos,
                                rgba=[*WOOD, 1])  # fmt: skip

    beam((half + 0.04, 0.04, 0.03), (0, 0, _HEIGHT + 0.03))
    for side in (-half, half):
        beam((0.03, 0.03, _HEIGHT / 2), (side, 0, _HEIGHT / 2))


def _spring(spec: Any, i: int, x: float, scene: Generator, motion: Generator, rgb: tuple) -> None:
    """A pivot, rings that slide along it one below the other, and a weight."""
    pitch = scene.uniform(0.025, 0.04)
    shape = str(scene.choice(["sphere", "box", "cylinder"]))
    size = scene.uniform(0.09, 0.14)
    # what the first frame does not show: how stiff and how heavy
    stiffness, mass = motion.uniform(20, 60), motion.uniform(0.25, 1.0)
    hang = spec.worldbody.add_body(name=f"hang_{i}", pos=(x, 0, _HEIGHT))
    hang.add_joint(name=f"hang_{i}", type=mujoco.mjtJoint.mjJNT_BALL, damping=0.004)
    hang.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.025, 0, 0], rgba=[*STEEL, 1],
                  mass=0.02, contype=0, conaffinity=0)  # fmt: skip
    slide = {
        "type": mujoco.mjtJoint.mjJNT_SLIDE, "axis": (0, 0, 1),
        "stiffness": stiffness * (_RINGS + 1), "damping": 0.25,
    }  # fmt: skip
    link = hang
    for n in range(_RINGS):
        link = link.add_body(name=f"ring_{i}_{n}", pos=(0, 0, -pitch))
        link.add_joint(name=f"ring_{i}_{n}", **slide)
        link.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname="ring",
            rgba=[*STEEL, 1], mass=_RING_MASS, contype=0, conaffinity=0,
        )  # fmt: skip
    weight = link.add_body(name=f"weight_{i}", pos=(0, 0, -pitch - size))
    weight.add_joint(name=f"weight_{i}", **slide)
    sizes = {"sphere": (size,), "box": (0.8 * size, 0.8 * size, size), "cylinder": (size, size)}
    solid(weight, shape, sizes[shape], rgb).mass = mass


SPRINGS = Family(_draw, Shot(30, 15.0, (464, 256)))
