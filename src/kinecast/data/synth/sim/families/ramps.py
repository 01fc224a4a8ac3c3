"""Ramps: boxes slide and balls and cans roll down a slope onto what stands below."""

from typing import Any

import numpy as np
from numpy.random import Generator

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    colour_names,
    free_body,
    solid,
    stage,
    thing,
    turned,
    view,
)  # fmt: skip
from kinecast.data.synth.sim.setup import Family, Setup, Shot

_WIDTH = 0.7


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    slope, length = scene.uniform(0.25, 0.6), scene.uniform(1.0, 1.4)
    run, rise = length * np.cos(slope), length * np.sin(slope)
    names = colour_names(scene, 6)
    down = scene.choice([-1.0, 1.0])  # the slope falls to the right or to the left
    _wedge(spec, run, rise, down, COLOURS[names[0]])
    things, velocities = [], {}
    lanes = scene.permutation([-0.23, 0.0, 0.23] if scene.random() < 0.5 else [-0.17, 0.17])
    for i, lane in enumerate(lanes):
        shape = str(scene.choice(["box", "sphere", "cylinder"]))
        r = scene.uniform(0.07, 0.095)
        back = scene.uniform(0.1, 0.3) * length  # from the upper edge, along the slope
        name, colour = f"slider_{i}", names[1 + i]
        # from the lower edge: along the slope, then off it by the radius
        x = -down * ((length - back) * np.cos(slope) - r * np.sin(slope))
        z = (length - back) * np.sin(slope) + r * np.cos(slope)
        body = free_body(spec, name, (x, lane, z), turned((0, 1, 0), down * slope))
        lying = turned((1, 0, 0), np.pi / 2)
        # friction is not seen in the first frame: one scene has futures that slide and that stick
        solid(body, shape, {"box": (r, r, r), "sphere": (r,), "cylinder": (r, r)}[shape],
              COLOURS[colour], friction=motion.uniform(0.05, 0.7), bounce=0.3,
              quat=lying if shape == "cylinder" else (1, 0, 0, 0))  # fmt: skip
        things.append(thing(name, shape, colour))
        speed = motion.uniform(-0.4, 1.4)
        along = np.array([down * np.cos(slope), 0, -np.sin(slope)])
        spin = np.zeros(3) if shape == "box" else np.array([0, down * speed / r, 0])
        velocities[name] = np.concatenate([speed * along, spin])
    for i in range(scene.integers(0, 3)):
        name, colour = f"target_{i}", names[4 + i]
        size = scene.uniform(0.06, 0.1)
        where = (down * scene.uniform(0.25, 0.5), -0.18 + 0.36 * i, 1.4 * size)
        solid(free_body(spec, name, where), "box", (size, size, 1.4 * size), COLOURS[colour],
              density=300)  # fmt: skip
        things.append(thing(name, "box", colour))
    camera = view(scene, motion, shot, 2.5, (-0.25 * down, 0, 0.2))
    text = f"{len(lanes)} things slide and roll down a slope"
    return Setup(spec, (camera,), tuple(things), velocities, text=text)


def _wedge(spec: Any, run: float, rise: float, down: float, rgb: tuple) -> None:
    """The slope, a prism: its lower edge at x = 0, its upper one at x = -down * run."""
    y = _WIDTH / 2
    corners = [(0, 0), (-down * run, 0), (-down * run, rise)]
    spec.add_mesh(
        name="wedge", uservert=np.array([(a, s, b) for s in (-y, y) for a, b in corners]).ravel(),
        userface=np.array(_PRISM if down > 0 else _PRISM[:, ::-1]).ravel(),
    )  # fmt: skip
    spec.worldbody.add_geom(
        name="wedge", type=mujoco.mjtGeom.mjGEOM_MESH, meshname="wedge", rgba=[*rgb, 1],
        friction=[0.2, 0.005, 0.0001], conaffinity=3,
    )  # fmt: skip


# corners 0 low, 1 below the top, 2 top; 3-5 the same on the other side
_PRISM = np.array([
    (0, 2, 1), (3, 4, 5), (0, 1, 4), (0, 4, 3), (1, 2, 5), (1, 5, 4), (0, 3, 5), (0, 5, 2),
])  # fmt: skip

RAMP = Family(_draw, Shot(30, 15.0, (464, 256)))
