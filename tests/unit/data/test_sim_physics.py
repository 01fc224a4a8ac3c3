"""Simulated worlds move as physics says, the same way every time."""

import numpy as np
import pytest
from sim_worlds import G, camera, one_body

from kinecast.core.errors import UserError
from kinecast.data.synth.sim import contacts
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.setup import Setup, Thing
from kinecast.data.synth.sim.simulate import simulate


def test_a_thrown_body_flies_on_a_parabola_and_spins_evenly():
    spin = np.array([0.3, -1.2, 2.0])
    velocity = np.array([1.5, -0.5, 2.0, *spin])
    turn = np.array([0.5, 0.5, -0.5, 0.5])  # the body's axes are not the world's
    setup = one_body(quat=turn, floor=False, velocities={"body": velocity})
    poses = simulate(setup, frames=20, fps=25.0)
    t = np.arange(20)[:, None] / 25
    expected = np.array([0, 0, 3.0]) + velocity[:3] * t - 0.5 * G * t**2 * np.array([0, 0, 1])
    body = poses.body("body")
    # semi-implicit steps lag by g t dt / 2
    np.testing.assert_allclose(poses.body_position[:, body], expected, atol=G * 0.8 * 0.0006)
    assert (poses.body_position[0, body] == [0, 0, 3.0]).all()
    np.testing.assert_allclose(poses.body_velocity[:, body, 3:] - spin, 0, atol=1e-6)
    np.testing.assert_allclose(
        poses.body_velocity[:, body, 2], velocity[2] - G * t[:, 0], atol=1e-6
    )
    step = poses.body_rotation[1:, body] @ poses.body_rotation[:-1, body].transpose(0, 2, 1)
    angle = np.arccos((np.trace(step, axis1=1, axis2=2) - 1) / 2)
    np.testing.assert_allclose(angle, np.linalg.norm(spin) / 25, rtol=1e-4)


@pytest.mark.parametrize("geom", ["sphere", "box", "cylinder"])
@pytest.mark.parametrize("restitution", [0.15, 0.35, 0.7, 1.0])
@pytest.mark.parametrize("height", [1.3, 3.0])
def test_a_dropped_body_rebounds_to_e_squared_of_its_height(geom, restitution, height):
    fps = 500.0
    hit = np.sqrt(2 * height / G)
    frames = int(fps * (hit + restitution * hit)) + 15  # to the top of the rebound
    setup = one_body(geom, at=(0, 0, 0.5 + height), restitution=restitution)
    poses = simulate(setup, frames, fps)
    z = poses.body_position[:, poses.body("body"), 2] - 0.5
    up = poses.body_velocity[int(fps * hit) :, poses.body("body"), 2].max()
    assert up / np.sqrt(2 * G * height) == pytest.approx(restitution, abs=0.02)
    top = z[int(fps * hit) + 8 :].max()  # it leaves from a few millimetres below the floor
    assert top == pytest.approx(up**2 / (2 * G), abs=0.02)
    touched = poses.collisions[:, 0]
    assert touched[0] == pytest.approx(fps * hit, abs=2)
    assert (poses.collisions[:, 1:] == [0, 1]).all()


def test_a_body_that_does_not_bounce_stays_on_the_floor():
    poses = simulate(one_body("box", restitution=0.0), frames=60, fps=30.0)
    z = poses.body_position[:, poses.body("body"), 2]
    np.testing.assert_allclose(z[-10:], 0.5, atol=0.003)


def test_friction_stops_a_sliding_body_where_it_should():
    friction, speed = 0.3, 2.0
    push = {"body": np.array([speed, 0, 0, 0, 0, 0])}
    setup = one_body("box", at=(0, 0, 0.5), friction=friction, velocities=push)
    poses = simulate(setup, frames=60, fps=30.0)
    x = poses.body_position[:, poses.body("body"), 0]
    assert x[-1] == pytest.approx(speed**2 / (2 * friction * G), rel=0.03)
    assert x[-1] - x[-10] < 1e-3


def test_materials_combine_as_products():
    pair = contacts.contact(contacts.Material(0.4, 0.3), contacts.Material(0.3, 0.5))
    assert pair["friction"][:2] == [pytest.approx(0.12)] * 2
    assert pair["solref"] == contacts.solref(0.15)
    with pytest.raises(UserError, match=r"restitution in \[0, 1\], got 1.2"):
        contacts.solref(1.2)


def test_the_same_setup_gives_the_same_bytes_also_with_control():
    def push(model, data, t):
        data.xfrc_applied[1, 0] = 50 * np.sin(9 * t)

    runs = [simulate(one_body("box", restitution=0.5, control=push), 20, 12.0) for _ in range(2)]
    assert runs[0].geom_position.tobytes() == runs[1].geom_position.tobytes()
    assert runs[0].geom_rotation.tobytes() == runs[1].geom_rotation.tobytes()
    body = runs[0].body("body")
    assert np.ptp(runs[0].body_position[:, body, 0]) > 0.01  # control was called


def test_settling_comes_before_frame_0_and_the_throw_after_it():
    velocity = {"body": np.array([1.0, 0, 0, 0, 0, 0])}
    setup = one_body("box", at=(0, 0, 0.7), settle=1.0, velocities=velocity)
    poses = simulate(setup, 3, 30.0)
    body = poses.body("body")
    assert poses.body_position[0, body] == pytest.approx([0, 0, 0.5], abs=0.003)
    assert poses.body_velocity[0, body, 0] == 1.0


def test_bodies_below_a_named_body_belong_to_it_and_a_camera_can_ride_on_one():
    spec = mujoco.MjSpec()
    arm = spec.worldbody.add_body(name="arm", pos=[0, 0, 1])
    arm.add_joint(name="turn", type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 0, 1])
    arm.add_geom(name="upper", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0])
    hand = arm.add_body(name="hand", pos=[1, 0, 0])
    hand.add_geom(name="lower", type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.1, 0, 0])
    eye = camera((0, 0, 0.5), (1, 0, 0.5), mount="hand")
    setup = Setup(spec, (eye,), (Thing(("arm",), "arm"),), positions={"turn": np.pi / 2})
    poses = simulate(setup, 2, 10.0)
    assert poses.owner.tolist() == [1, 1]
    np.testing.assert_allclose(poses.body_position[0, poses.body("hand")], [0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(poses.camera_position[:, 0], [[0, 1, 1.5]] * 2, atol=1e-9)
    # it looks along the arm, which is turned to y; its y is up
    np.testing.assert_allclose(-poses.camera_rotation[0, 0][:, 2], [0, 1, 0], atol=1e-9)
    np.testing.assert_allclose(poses.camera_rotation[0, 0][:, 1], [0, 0, 1], atol=1e-9)
    assert np.linalg.det(poses.camera_rotation[0, 0]) == pytest.approx(1.0)


def test_names_that_do_not_exist_are_said():
    with pytest.raises(UserError, match="got 'ball'"):
        simulate(one_body(velocities={"ball": np.zeros(6)}), 2, 10.0)
    setup = one_body()
    with pytest.raises(UserError, match="free joint to throw, got 'world'"):
        simulate(one_body(velocities={"world": np.zeros(6)}), 2, 10.0)
    with pytest.raises(UserError, match="got 'ghost'"):
        simulate(Setup(setup.spec, setup.cameras, (Thing(("ghost",), "x"),)), 2, 10.0)
