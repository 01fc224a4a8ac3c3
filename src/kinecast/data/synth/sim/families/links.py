"""Links: chains that swing, with a weight at the end, into what stands below."""

from numpy.random import Generator

from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.kit import (
    COLOURS,
    STEEL,
    WOOD,
    colour_names,
    free_body,
    kick,
    solid,
    stage,
    thing,
    turned,
    view,
)  # fmt: skip
from kinecast.data.synth.sim.setup import Family, Setup, Shot, Thing

_TOP = 1.5


def _draw(scene: Generator, motion: Generator, shot: Shot) -> Setup:
    spec = stage(scene, 2.0, step=0.002)
    chains = int(scene.integers(1, 3))
    names = colour_names(scene, chains + 4)
    things, kicks = [], {}
    for post in (-1.0, 1.0):
        spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[0.03, _TOP / 2, 0],
                                pos=[post, 0.0, _TOP / 2], rgba=[*WOOD, 1])  # fmt: skip
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.03, 0, 0],
                            fromto=[-1, 0, _TOP, 1, 0, _TOP], rgba=[*WOOD, 1])  # fmt: skip
    for k in range(chains):
        x = 0.7 * (k - (chains - 1) / 2)
        links, radius = int(scene.integers(4, 9)), scene.uniform(0.08, 0.12)
        length = (_TOP - 0.15 - 2 * radius) / links
        # held out to a side, straight; let go at the start
        out = scene.uniform(0.3, 1.2) * scene.choice([-1, 1])
        hung = {"pos": (x, 0, _TOP), "quat": turned((1, 0, 0), out)}
        link, below = spec.worldbody, {"pos": (0, 0, -length)}
        for n in range(links):
            link = link.add_body(name=f"link_{k}_{n}", **(below if n else hung))
            link.add_joint(name=f"link_{k}_{n}", type=mujoco.mjtJoint.mjJNT_BALL, damping=0.002)
            link.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.018, 0, 0], density=2000,
                          fromto=[0, 0, -0.02, 0, 0, -length + 0.02], rgba=[*STEEL, 1],
                          contype=0, conaffinity=0)  # fmt: skip
            kicks[f"link_{k}_{n}"] = motion.normal(0, 0.7 if n == 0 else 0.15, 3)
        end = (0, 0, -length - radius)
        solid(link, "sphere", (radius,), COLOURS[names[k]], position=end, density=1500)
        things.append(Thing((link.name, f"link_{k}_0"), "ball on a chain", colour=names[k]))
        for n in range(int(scene.integers(0, 4))):
            name = f"block_{k}_{n}"
            turn = turned((0, 0, 1), scene.uniform(0, 1))
            body = free_body(spec, name, (x, 0.02 * n, 0.1 + 0.2 * n), turn)
            solid(body, "box", (0.08, 0.08, 0.1), COLOURS[names[chains + n]], density=300)
            things.append(thing(name, "box", names[chains + n]))
    camera = view(scene, motion, shot, 2.9, (0, 0, 0.7), azimuth=1.2, elevation=(0.05, 0.4))
    return Setup(spec, (camera,), tuple(things), control=kick(kicks),
                 text=f"{chains} chain{'s' * (chains > 1)} with a ball swing")  # fmt: skip


LINKS = Family(_draw, Shot(30, 15.0, (256, 256)))
