"""The robot does what its text says, and the text can be checked from the poses."""

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data.synth.sim.engine import mujoco
from kinecast.data.synth.sim.families.robot import (
    FINGERS,
    HOME,
    HOME_GRIP,
    JOINTS,
    OPEN,
    Key,
    add_arm,
    follow,
)  # fmt: skip
from kinecast.data.synth.sim.points import _View
from kinecast.data.synth.sim.registry import rendered
from kinecast.data.synth.sim.setup import CameraPath, Setup, Shot, Thing
from kinecast.data.synth.sim.simulate import simulate

SHOT = Shot(20, 12.0, (96, 64))


def done(seed, future):
    streams = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2, future])
    setup = rendered("robot").draw(*streams, SHOT)
    return setup, simulate(setup, SHOT.frames, SHOT.fps)


@pytest.fixture(scope="module")
def rollouts():
    return [done(seed, future) for seed in range(6) for future in range(2)]


def test_the_text_is_true_of_what_the_agents_view_shows(rollouts):
    verbs = set()
    for setup, poses in rollouts:
        verb, _, colour, shape, *way = setup.text.split()
        named = [t for t in setup.things if (t.colour, t.shape) == (colour, shape)]
        assert len(named) == 1  # the words name one thing
        view = _View(poses, 0, SHOT.size)
        bodies = [poses.body(t.bodies[0]) for t in setup.things[1:]]
        moved = poses.body_position[-1, bodies] - poses.body_position[0, bodies]
        it = bodies.index(poses.body(named[0].bodies[0]))
        others = np.delete(moved, it, axis=0)
        assert np.linalg.norm(others, axis=1).max() < 0.03
        pixels, depth = view.project(poses.body_position[:, bodies])
        dx, dy = pixels[-1, it] - pixels[0, it]
        if verb == "lift":
            assert moved[it, 2] > 0.08
            assert dy < -3
        else:
            assert verb == "push"
            assert abs(moved[it, 2]) < 0.01
            nearer = depth[0, it] - depth[-1, it]
            assert {
                "to the left": dx < -3, "to the right": dx > 3,
                "away from the robot": nearer > 0.03, "towards the robot": nearer < -0.03,
            }[" ".join(way)]  # fmt: skip
        verbs.add(verb)
    assert verbs == {"lift", "push"}


def test_futures_of_a_scene_start_alike_and_do_different_things(rollouts):
    texts = []
    for (one, a), (other, b) in zip(rollouts[::2], rollouts[1::2], strict=True):
        np.testing.assert_array_equal(a.geom_position[0], b.geom_position[0])
        texts.append(one.text != other.text)
    assert sum(texts) >= 3


def test_a_lifted_thing_hangs_between_the_fingers_by_friction(rollouts):
    lifted = [(s, p) for s, p in rollouts if s.text.startswith("lift")]
    for setup, poses in lifted:
        item = poses.body(setup.facts["item"])
        fingers = [poses.body(name) for name in FINGERS]
        middle = poses.body_position[-1, fingers].mean(0)
        assert np.linalg.norm((poses.body_position[-1, item] - middle)[:2]) < 0.02
        robot = 1
        number = 1 + [t.bodies[0] for t in setup.things].index(setup.facts["item"])
        last = poses.collisions[poses.collisions[:, 0] == len(poses) - 1]
        assert [robot, number] in last[:, 1:].tolist()


def test_the_eye_in_the_hand_moves_with_it(rollouts):
    for setup, poses in rollouts[:3]:
        assert [c.name for c in setup.cameras] == ["agentview", "eye_in_hand"]
        hand = poses.body("hand")
        local = np.einsum(
            "tji,tj->ti", poses.body_rotation[:, hand],
            poses.camera_position[:, 1] - poses.body_position[:, hand],
        )  # fmt: skip
        np.testing.assert_allclose(local, local[:1].repeat(len(local), 0), atol=1e-9)
        assert np.ptp(poses.camera_position[:, 1], axis=0).max() > 0.1
        assert np.ptp(poses.camera_position[:, 0], axis=0).max() == 0


def test_the_grip_visits_its_keys():
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    add_arm(spec, (0, 0, 0))
    goal = (0.45, -0.15, 0.1)
    keys = [Key(0, HOME_GRIP, 0, OPEN), Key(1.0, goal, 0.5, 0.01), Key(2.0, goal, 0.5, 0.01)]
    eye = CameraPath("eye", np.array([2.0, 0, 1]), np.zeros(3), 0.8)
    setup = Setup(
        spec, (eye,), (Thing(("arm",), "robot"),), positions=HOME, control=follow(spec, keys)
    )
    poses = simulate(setup, 17, 8.0)
    hand = poses.body("hand")
    turn, place = poses.body_rotation[-1, hand], poses.body_position[-1, hand]
    np.testing.assert_allclose(place + turn @ [0, 0, 0.1], goal, atol=3e-3)
    np.testing.assert_allclose(turn[:, 2], [0, 0, -1], atol=0.02)  # points down
    across = turn[:, 1]  # the fingers close along it
    assert np.arctan2(-across[0], across[1]) == pytest.approx(0.5, abs=0.02)
    gap = poses.body_position[-1, [poses.body(name) for name in FINGERS]]
    assert np.linalg.norm(gap[0] - gap[1]) == pytest.approx(0.02, abs=2e-3)
    assert set(JOINTS) < set(HOME)


def test_too_short_a_clip_says_how_long_it_must_be():
    streams = np.random.default_rng(1), np.random.default_rng(2)
    with pytest.raises(UserError, match="ask for 19 frames or more"):
        rendered("robot").draw(*streams, Shot(6, 12.0, (64, 48)))


def test_a_window_of_poses_is_a_part_of_them(rollouts):
    _, poses = rollouts[0]
    part = poses.window(5, 12)
    assert len(part) == 7
    np.testing.assert_array_equal(part.geom_position, poses.geom_position[5:12])
    np.testing.assert_array_equal(part.camera_rotation, poses.camera_rotation[5:12])
    assert part.model is poses.model
    touched = poses.collisions[(poses.collisions[:, 0] >= 5) & (poses.collisions[:, 0] < 12)]
    assert len(touched)
    np.testing.assert_array_equal(part.collisions, touched - np.array([5, 0, 0]))
    with pytest.raises(UserError, match=r"within 20, got \[18, 21\)"):
        poses.window(18, 21)
