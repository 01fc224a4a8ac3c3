"""Small rendered worlds for tests, and whether this machine can draw."""

import numpy as np
import pytest
from installed import why_no_pictures

from kinecast.data.synth.sim import contacts
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import CameraPath, Setup, Thing

FOVY = 0.8
G = 9.81


needs_gl = pytest.mark.skipif(bool(why_no_pictures()), reason=why_no_pictures())


def camera(position=(0.0, -8.0, 1.0), target=(0.0, 0.0, 1.0), **kwargs):
    return CameraPath("eye", np.array(position, float), np.array(target, float), FOVY, **kwargs)


def one_body(
    geom="sphere", size=(0.5, 0.5, 0.5), at=(0.0, 0.0, 3.0), quat=(1, 0, 0, 0), floor=True,
    restitution=0.0, friction=0.0, cameras=(), **kwargs,
):  # fmt: skip
    """A free body over a floor (its material makes the pair's product what is asked)."""
    spec = mujoco.MjSpec()
    contacts.simulation(spec)
    spec.visual.map.znear, spec.visual.map.zfar, spec.stat.extent = 0.05, 100.0, 1.0
    quiet = {"contype": 0, "conaffinity": 0}
    body = spec.worldbody.add_body(name="body", pos=at, quat=quat)
    body.add_freejoint()
    kind = getattr(mujoco.mjtGeom, f"mjGEOM_{geom.upper()}")
    body.add_geom(name="geom", type=kind, size=size, density=700.0, **quiet)
    if floor:
        plane = mujoco.mjtGeom.mjGEOM_PLANE
        spec.worldbody.add_geom(name="floor", type=plane, size=[0, 0, 1], **quiet)
        one = contacts.Material(friction, restitution)
        contacts.touch(spec, [(["floor"], contacts.Material(1.0, 1.0)), (["geom"], one)])
    return Setup(spec, cameras or (camera(),), (Thing(("body",), geom),), **kwargs)
