"""Falling: many blocks fall in a heap."""

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


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    count = int(scene.integers(8, 21))
    names = colour_names(scene, count)
    things, velocities = [], {}
    # one to a cell of a 3 x 3 x n lattice: none overlap at the start
    cells = scene.permutation(9 * -(-count // 6))[:count]
    for i, cell in enumerate(cells):
        place = np.array([cell % 3 - 1, cell // 3 % 3 - 1, cell // 9]) * 0.36 + (0, 0, 0.5)
        half = scene.uniform(0.05, 0.1, 3)
        shape = str(scene.choice(["box", "box", "box", "cylinder", "capsule"]))
        name = f"block_{i}"
        body = free_body(spec, name, place + scene.uniform(-0.03, 0.03, 3),
                         turned(scene.normal(size=3), scene.uniform(0, np.pi)))  # fmt: skip
        solid(body, shape, half if shape == "box" else half[:2] * (0.8, 1), COLOURS[names[i]],
              bounce=scene.uniform(0, 0.5))  # fmt: skip
        things.append(thing(name, shape, names[i]))
        velocities[name] = np.concatenate([motion.normal(0, 0.7, 3), motion.normal(0, 4, 3)])
    camera = view(scene, motion, shot, 3.2, (0, 0, 0.5), azimuth=3.0, elevation=(0.15, 0.5))
    return Setup(spec, (camera,), tuple(things), velocities, text=f"{count} blocks fall")


FALLING = Family(_draw, Shot(30, 15.0, (256, 256)))
