"""Dominoes: a row along a curve, and a ball at either end that may set it off."""

import numpy as np
from numpy.random import Generator

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

_THICK, _WIDE, _TALL = 0.02, 0.06, 0.12  # half sizes, metres
_BALL = 0.07


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    count = int(scene.integers(8, 16))
    gap, bend = scene.uniform(0.1, 0.14), scene.uniform(-1.6, 1.6)
    heading = bend * (np.arange(count + 2) / (count + 1) - 0.5)
    step = gap * np.stack([np.cos(heading), np.sin(heading)], -1)
    path = np.cumsum(step, 0)
    path -= path.mean(0)
    names = colour_names(scene, count)
    things, velocities = [], {}
    for i in range(count):
        name, at = f"domino_{i}", path[i + 1]
        body = free_body(spec, name, (*at, _TALL), turned((0, 0, 1), heading[i + 1]))
        solid(body, "box", (_THICK, _WIDE, _TALL), COLOURS[names[i]], friction=0.4)
        things.append(thing(name, "box", names[i]))
    goes = motion.integers(0, 3)  # the ball at the start, the one at the end, or both
    for end, way in ((0, 1.0), (1, -1.0)):
        turn = heading[-end]
        ahead = way * np.array([np.cos(turn), np.sin(turn), 0])
        name = f"ball_{end}"
        at = path[-end] - 0.25 * ahead[:2]
        solid(free_body(spec, name, (*at, _BALL)), "sphere", (_BALL,), COLOURS["red"], density=900)
        things.append(thing(name, "sphere", "red"))
        aim = turned((0, 0, 1), motion.normal(0, 0.06))
        speed = motion.uniform(0.5, 2.2) if goes in (end, 2) else 0.0
        cos, sin = 1 - 2 * aim[3] ** 2, 2 * aim[0] * aim[3]
        v = speed * np.array([cos * ahead[0] - sin * ahead[1], sin * ahead[0] + cos * ahead[1], 0])
        velocities[name] = np.concatenate([v, np.cross([0, 0, 1], v) / _BALL])
    camera = view(scene, motion, shot, 2.4, (0, 0, 0.05), azimuth=0.8, elevation=(0.35, 0.7))
    text = f"a row of {count} dominoes and two balls"
    return Setup(spec, (camera,), tuple(things), velocities, text=text)


DOMINOES = Family(_draw, Shot(30, 15.0, (256, 256)))
