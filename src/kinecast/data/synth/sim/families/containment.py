"""Containment: things dropped at bowls and boxes; some land inside."""

import numpy as np
from numpy.random import Generator

from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    WOOD,
    colour_names,
    free_body,
    solid,
    stage,
    thing,
    turned,
    view,
)  # fmt: skip
from kinecast.data.synth.sim.families.vessels import bowl, crate
from kinecast.data.synth.sim.setup import Family, Setup, Shot


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    holders, dropped = int(scene.integers(1, 3)), int(scene.integers(2, 6))
    names = colour_names(scene, holders + dropped)
    row = 0.8 * (np.arange(holders) - (holders - 1) / 2)
    spots = np.stack([row, scene.uniform(-0.2, 0.2, holders)], -1)
    for k, spot in enumerate(spots):
        holder = spec.worldbody.add_body(name=f"holder_{k}", pos=(*spot, 0))
        rgb = COLOURS[names[k]] if scene.random() < 0.6 else WOOD
        wide, tall = scene.uniform(0.24, 0.34), scene.uniform(0.14, 0.26)
        if scene.random() < 0.5:
            bowl(holder, 0.6 * wide, wide, tall, rgb)
        else:
            crate(holder, (wide, scene.uniform(0.8, 1) * wide), tall, rgb)
    things, velocities = [], {}
    for i in range(dropped):
        name, colour = f"dropped_{i}", names[holders + i]
        shape = str(scene.choice(["box", "sphere", "cylinder", "ellipsoid"]))
        r = scene.uniform(0.06, 0.11)
        over = spots[scene.integers(holders)] + scene.uniform(-0.15, 0.15, 2)
        turn = turned(scene.normal(size=3), scene.uniform(0, 3))
        body = free_body(spec, name, (*over, 0.6 + 0.26 * i), turn)
        sizes = {
            "box": (r, r, r),
            "sphere": (r,),
            "cylinder": (r, 0.8 * r),
            "ellipsoid": (r, r, 0.6 * r),
        }
        solid(body, shape, sizes[shape], COLOURS[colour], bounce=scene.uniform(0, 0.7))
        things.append(thing(name, shape, colour))
        velocities[name] = np.concatenate([motion.normal(0, 0.45, 2), [0], motion.normal(0, 3, 3)])
    camera = view(scene, motion, shot, 2.7, (0, 0, 0.35), elevation=(0.3, 0.6))
    text = f"{dropped} things dropped at {holders} open container{'s' * (holders > 1)}"
    return Setup(spec, (camera,), tuple(things), velocities, text=text)


CONTAINMENT = Family(_draw, Shot(30, 15.0, (256, 256)))
