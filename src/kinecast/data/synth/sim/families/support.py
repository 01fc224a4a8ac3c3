"""Support: towers of blocks, some of which stand and some of which topple."""

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
    towers = int(scene.integers(1, 4))
    heights = scene.integers(2, 7, towers)
    names = iter(colour_names(scene, int(heights.sum()) + 1))
    things, velocities = [], {}
    for k, blocks in enumerate(heights):
        foot = np.array([0.75 * (k - (towers - 1) / 2), scene.uniform(-0.25, 0.25)])
        # how far each block is off the one below: careful towers stand, careless ones topple
        careless = scene.choice([0.1, 0.8])
        top = 0.0
        for n in range(blocks):
            half = scene.uniform((0.08, 0.08, 0.04), (0.14, 0.14, 0.11))
            shape = "cylinder" if scene.random() < 0.25 else "box"
            name, colour = f"block_{k}_{n}", next(names)
            turn = turned((0, 0, 1), scene.uniform(-0.5, 0.5))
            body = free_body(spec, name, (*foot, top + half[2]), turn)
            size = half if shape == "box" else (half[0], half[2])
            solid(body, shape, size, COLOURS[colour], friction=0.6, density=400)
            things.append(thing(name, shape, colour))
            top += 2 * half[2]
            foot = foot + scene.uniform(-1, 1, 2) * careless * half[:2]
            # a nudge too weak to topple most of what stands
            velocities[name] = np.array([*motion.normal(0, 0.1, 2), 0, 0, 0, 0])
    # a ball that comes at one of the towers, slowly or fast
    colour, aim = next(names), 0.75 * (motion.integers(towers) - (towers - 1) / 2)
    start = np.array([scene.choice([-1.2, 1.2]), -0.9, 0.12])
    solid(free_body(spec, "ball", start), "sphere", (0.12,), COLOURS[colour], density=2500)
    things.append(thing("ball", "sphere", colour))
    way = np.array([aim, 0, 0.12]) - start
    v = way / np.linalg.norm(way) * motion.uniform(0.5, 3.5)
    velocities["ball"] = np.concatenate([v, np.cross([0, 0, 1], v) / 0.12])
    camera = view(scene, motion, shot, 2.9, (0, 0, 0.3), elevation=(0.15, 0.45))
    text = f"{towers} tower{'s' if towers > 1 else ''} of blocks and a ball"
    return Setup(spec, (camera,), tuple(things), velocities, text=text)


SUPPORT = Family(_draw, Shot(30, 15.0, (256, 256)))
