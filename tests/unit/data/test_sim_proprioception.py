from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra sim")

from kinecast.data.synth.sim.families.robot import HOME, OPEN
from kinecast.data.synth.sim.proprioception import STEP_M, hand_actions, joint_states
from kinecast.data.synth.sim.registry import rendered
from kinecast.data.synth.sim.simulate import simulate

FPS, FRAMES = 10.0, 24


@pytest.fixture(scope="module")
def poses():
    """A robot at its task; physics alone, no pictures."""
    streams = (np.random.default_rng(seed) for seed in (3, 4))
    shot = replace(rendered("robot").shot, frames=FRAMES, fps=FPS)
    return simulate(rendered("robot").draw(*streams, shot), FRAMES, FPS)


def test_a_robot_starts_at_home_with_its_fingers_open(poses):
    states = joint_states(poses)
    assert states.shape == (FRAMES, 9)
    np.testing.assert_allclose(states[0], list(HOME.values()), atol=2e-3)
    np.testing.assert_allclose(states[0, 7:], OPEN, atol=1e-3)


def test_angles_and_openings_put_the_hand_where_it_is(poses):
    import mujoco

    states, data = joint_states(poses), mujoco.MjData(poses.model)
    for t in (0, 11, 23):
        for name, value in zip(HOME, states[t], strict=True):
            data.qpos[poses.model.joint(name).qposadr[0]] = value
        mujoco.mj_kinematics(poses.model, data)
        for body in ("hand", "finger_l", "finger_r"):
            at = poses.body(body)
            np.testing.assert_allclose(data.xpos[at], poses.body_position[t, at], atol=1e-4)
            np.testing.assert_allclose(
                data.xmat[at].reshape(3, 3), poses.body_rotation[t, at], atol=1e-4
            )


def test_actions_add_up_to_what_the_hand_did(poses):
    actions, hand = hand_actions(poses), poses.body("hand")
    assert actions.shape == (FRAMES, 7)
    moved = poses.body_position[-1, hand] - poses.body_position[0, hand]
    np.testing.assert_allclose(actions[:, :3].sum(0) * STEP_M, moved, atol=1e-5)
    assert np.abs(moved).max() > 0.02
    assert not actions[-1, :6].any()
    assert set(actions[:, 6]) <= {-1.0, 1.0}
    assert actions[0, 6] == -1.0
