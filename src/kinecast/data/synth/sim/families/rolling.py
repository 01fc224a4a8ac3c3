"""Rolling: balls, cans and hoops roll, meet and knock over pins."""

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
    rollers, pins = int(scene.integers(2, 5)), int(scene.integers(0, 5))
    names = colour_names(scene, rollers + pins)
    things, velocities = [], {}
    spots = _apart(scene, rollers + pins, 0.38)
    for i in range(rollers):
        shape = str(scene.choice(["sphere", "cylinder", "hoop"]))
        r, turn = scene.uniform(0.09, 0.15), scene.uniform(0, 2 * np.pi)
        name, colour = f"roller_{i}", COLOURS[names[i]]
        body = free_body(spec, name, (*spots[i], r), turned((0, 0, 1), turn))
        bounce, lying = scene.uniform(0, 0.6), turned((1, 0, 0), np.pi / 2)
        if shape == "hoop":
            # the mesh's hole is along z, its outer radius 1.25
            spec.add_mesh(name=name, scale=[r / 1.25] * 3).make_supertorus(40, 0.25, 1, 1)
            solid(body, "mesh", (), colour, mesh=name, quat=lying)
        elif shape == "sphere":
            solid(body, shape, (r,), colour, bounce=bounce)
        else:
            solid(body, shape, (r, r * scene.uniform(0.5, 1.3)), colour, bounce=bounce, quat=lying)
        things.append(thing(name, shape, names[i]))
        # towards the middle, more or less; a can or a hoop along its own x
        way = np.arctan2(*-spots[i][::-1]) + motion.normal(0, 0.6)
        if shape != "sphere":
            way = turn if np.cos(way - turn) > 0 else turn + np.pi
        v = motion.uniform(0.3, 1.4) * np.array([np.cos(way), np.sin(way), 0])
        velocities[name] = np.concatenate([v, np.cross([0, 0, 1], v) / r])
    for i in range(rollers, rollers + pins):
        name, tall = f"pin_{i - rollers}", scene.uniform(0.12, 0.2)
        body = free_body(spec, name, (*spots[i], tall))
        solid(body, "cylinder", (0.35 * tall, tall), COLOURS[names[i]], density=250)
        things.append(thing(name, "cylinder", names[i]))
    camera = view(scene, motion, shot, 2.8, (0, 0, 0.05), azimuth=1, elevation=(0.3, 0.7))
    text = f"{rollers} things roll" + (f" among {pins} pins" if pins > 1 else "")
    return Setup(spec, (camera,), tuple(things), velocities, text=text)


def _apart(scene: Generator, count: int, gap: float) -> list[np.ndarray]:
    """Spots on the floor at least `gap` metres from each other."""
    spots: list[np.ndarray] = []
    while len(spots) < count:
        spot = scene.uniform(-0.9, 0.9, 2)
        if all(np.hypot(*(spot - other)) > gap for other in spots):
            spots.append(spot)
    return spots


ROLLING = Family(_draw, Shot(30, 15.0, (256, 256)))
