"""Grains: many small balls that slip past each other like a liquid.

They are poured from a cup to a side, or a column of them is let go.
"""

from typing import Any

import numpy as np
from numpy.random import Generator

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    WOOD,
    colour_names,
    free_body,
    solid,
    stage,
    view,
)  # fmt: skip
from kinecast.data.synth.sim.families.vessels import bowl, crate
from kinecast.data.synth.sim.setup import Control, Family, Setup, Shot, Thing

_LIP = 0.5  # metres above the floor: the cup's bottom


def _stage(scene: Generator) -> Any:
    """A floor, and the solver that is fast and steady for hundreds of touching balls."""
    spec = stage(scene, 2.0, step=0.005)
    spec.option.solver, spec.option.iterations = mujoco.mjtSolver.mjSOL_PGS, 50
    return spec


def _poured(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    """A cup full of grains tips over between two trays."""
    spec = _stage(scene)
    names = colour_names(scene, 3)
    radius, grain, tall = scene.uniform(0.15, 0.18), scene.uniform(0.024, 0.028), 0.24
    cup = spec.worldbody.add_body(name="cup", pos=(0, 0, _LIP))
    cup.add_joint(name="tilt", type=mujoco.mjtJoint.mjJNT_HINGE, axis=(0, 1, 0), pos=(0, 0, 0.15))
    bowl(cup, 0.9 * radius, radius, tall, COLOURS[names[0]])
    _servo(spec)
    for side in (-1, 1):
        solid(spec.worldbody, "box", (0.02, 0.02, 0.33), WOOD,
              position=(0, side * (radius + 0.09), 0.33))  # fmt: skip
        tray = spec.worldbody.add_body(name=f"tray_{side}", pos=(0.38 * side, 0, 0))
        crate(tray, (0.3, 0.3), scene.uniform(0.1, 0.16), COLOURS[names[1]])
    bottom = (0, 0, _LIP + 0.02)
    grains = _fill(spec, scene, bottom, 0.9 * radius, tall, grain, COLOURS[names[2]])
    side, angle = motion.choice([-1, 1]), motion.uniform(1.4, 1.9)
    camera = view(scene, motion, shot, 2.5, (0, 0, 0.3), azimuth=0.5, elevation=(0.6, 0.9))
    things = Thing(("cup",), "cup", colour=names[0]), Thing(grains, "grains", colour=names[2])
    return Setup(
        spec, (camera,), things, control=_tip(side * angle, motion.uniform(0.3, 0.9)),
        settle=0.5,
        text=f"a cup of {names[2]} grains is poured out to the {'right' if side > 0 else 'left'}",
    )  # fmt: skip


def _let_go(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    """A column of grains stands in the air over a tray, in the first frame."""
    spec = _stage(scene)
    names = colour_names(scene, 2)
    tray = spec.worldbody.add_body(name="tray")
    crate(tray, (scene.uniform(0.4, 0.55), scene.uniform(0.3, 0.4)), 0.12, COLOURS[names[0]])
    radius, tall = scene.uniform(0.14, 0.19), scene.uniform(0.25, 0.35)
    bottom = (scene.uniform(-0.15, 0.15), 0, scene.uniform(0.05, 0.35))
    grains = _fill(spec, scene, bottom, radius, tall, scene.uniform(0.026, 0.03), COLOURS[names[1]])
    drift, swirl = motion.normal(0, 0.35, 3) * (1, 1, 0.5), motion.normal(0, 3)
    velocities = {}
    for name in grains:
        x, y = spec.body(name).pos[:2] - bottom[:2]
        velocities[name] = np.concatenate([drift + swirl * np.array([-y, x, 0]), np.zeros(3)])
    camera = view(scene, motion, shot, 2.3, (0, 0, 0.25), azimuth=0.5, elevation=(0.35, 0.7))
    return Setup(spec, (camera,), (Thing(grains, "grains", colour=names[1]),), velocities,
                 text=f"a column of {names[1]} grains is let go over a tray")  # fmt: skip


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    return (_poured if scene.random() < 0.5 else _let_go)(scene, motion, shot)


def _fill(
    spec: Any, scene: Generator, bottom: tuple, inside: float, tall: float, grain: float, rgb: tuple
) -> tuple[str, ...]:
    """Grains on a loose lattice in a cylinder above `bottom`, each of its own shade."""
    gap = 2.05 * grain
    across = np.arange(-inside, inside, gap)
    xyz = np.stack(np.meshgrid(across, across, np.arange(grain, tall, gap)), -1).reshape(-1, 3)
    xyz = xyz[np.hypot(xyz[:, 0], xyz[:, 1]) < inside - 1.2 * grain]
    for i, at in enumerate(xyz + bottom):
        body = free_body(spec, f"grain_{i}", at + scene.uniform(-0.02, 0.02, 3) * grain)
        shade = np.clip(np.array(rgb) * scene.uniform(0.7, 1.3), 0, 1)
        ball = solid(body, "sphere", (grain,), shade)
        ball.condim, ball.friction, ball.priority = 3, [0.05, 0, 0], 1  # whatever they touch
    return tuple(f"grain_{i}" for i in range(len(xyz)))


def _servo(spec: Any) -> None:
    servo = spec.add_actuator(
        name="tilt", target="tilt", trntype=mujoco.mjtTrn.mjTRN_JOINT,
        gaintype=mujoco.mjtGain.mjGAIN_FIXED, biastype=mujoco.mjtBias.mjBIAS_AFFINE,
    )  # fmt: skip
    servo.gainprm[0] = 600.0
    servo.biasprm[:3] = [0, -600.0, -60.0]


def _tip(angle: float, seconds: float) -> Control:
    """Tilt to an angle within some seconds, and stay."""

    def control(model: Any, data: Any, now: float) -> None:
        s = np.clip(now / seconds, 0, 1)
        data.ctrl[:] = angle * s * s * (3 - 2 * s)

    return control


GRAINS = Family(_draw, Shot(30, 15.0, (464, 256)))
