"""The oracle without LIBERO: its geometry, its goals, and whole episodes on a table of blocks."""

import itertools

import numpy as np
import pytest
from block_scene import BlockScene, box, turn

from kinecast.core.errors import UserError
from kinecast.data.libero import oracle
from kinecast.data.libero.goals import Goal, parse_goals, placements
from kinecast.data.libero.grasp import grasps
from kinecast.data.libero.hand import (
    OPENING,
    Hand,
    downward,
    nearest_yaw,
    rotation_vector,
    toward,
)

BDDL = """(define (problem LIBERO_Tabletop_Manipulation) ; a comment (
  (:language Pick the bowl) (:objects akita_black_bowl_1 - akita_black_bowl)
  (:goal (And (On Akita_Black_Bowl_1 plate_1) (In butter_1 basket_1_contain_region))))"""


def play(scene, placed, limit=900):
    steps = 0
    for action in oracle.solve(scene, placed):
        scene.act(action)
        steps += 1
        assert steps < limit
    return steps


def test_goals_are_the_predicates_of_the_conjunction():
    goals = parse_goals(BDDL)
    assert goals == (
        Goal("on", ("akita_black_bowl_1", "plate_1")),
        Goal("in", ("butter_1", "basket_1_contain_region")),
    )
    assert placements(goals) == (
        ("akita_black_bowl_1", "plate_1"),
        ("butter_1", "basket_1_contain_region"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(define (:goal (And (On a b)))", "brackets that do not match"),
        ("(define))", r"\) without its \("),
        ("(define (:goal (Or (On a b) (Not (On c d)))))", "got none"),
        ("(define (:init (On a b)))", "got none"),
    ],
)
def test_what_is_no_goal_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        parse_goals(text)


def test_a_goal_that_is_not_placing_is_refused_by_name():
    with pytest.raises(UserError, match=r"\(open drawer_1\).*only picks and places"):
        placements(parse_goals("(define (:goal (And (On a b) (Open drawer_1))))"))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 2.0, np.pi])
def test_rotation_vectors_are_those_of_the_matrix(angle):
    for axis in np.random.default_rng(0).normal(size=(20, 3)):
        vector = angle * axis / np.linalg.norm(axis)
        found = rotation_vector(turn(vector))
        np.testing.assert_allclose(turn(found), turn(vector), atol=1e-7)
        assert np.linalg.norm(found) <= np.pi + 1e-9


def test_a_closing_direction_turns_by_at_most_a_quarter():
    for yaw in np.linspace(-7, 7, 57):
        near = nearest_yaw(yaw, 1.0)
        assert abs(near - 1.0) <= np.pi / 2 + 1e-9
        assert np.isclose(np.sin(near - yaw), 0, atol=1e-9)  # the same line


def test_actions_are_bounded_and_lead_to_the_pose():
    scene = BlockScene({})
    goal, rotation = np.array([0.1, 0.2, 0.15]), downward(0.4)
    for _ in range(60):
        action = toward(scene.hand(), goal, rotation, oracle.OPEN, speed=0.6)
        assert np.linalg.norm(action[:3]) <= 0.6 + 1e-9
        scene.act(action)
    np.testing.assert_allclose(scene.at, goal, atol=1e-4)
    np.testing.assert_allclose(scene.rotation, rotation, atol=1e-3)
    assert Hand(scene.at, scene.rotation, OPENING).yaw == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(("wide", "deep", "closing"), [(0.03, 0.12, 0.0), (0.12, 0.03, np.pi / 2)])
def test_a_box_is_held_across_its_narrow_side(wide, deep, closing):
    scene = BlockScene({"box": [box(0.0, 0.1, 0.0, wide, deep, 0.05)]})
    relief = scene.relief(np.array([0.0, 0.1]), 0.2, 0.003, own="box")
    best = grasps(relief, np.array([0.0, 0.1]), scene.base(), np.pi / 2)[0]
    assert np.isclose(np.sin(best.yaw - closing), 0, atol=1e-6)
    np.testing.assert_allclose(best.position[:2], [0.0, 0.1], atol=0.02)
    assert 0.0 < best.position[2] < 0.05


def bowl(x, y, z, radius=0.055, wall=0.006, high=0.05):
    """A ring of boxes that is wider than the hand opens, and a floor."""
    angles = np.arange(24) * 2 * np.pi / 24
    ring = [
        box(x + radius * np.cos(a), y + radius * np.sin(a), z, wall, wall, high) for a in angles
    ]
    return [*ring, box(x, y, z, 1.2 * radius, 1.2 * radius, 0.004)]


def test_a_wide_bowl_is_held_by_its_rim_on_the_near_side():
    scene = BlockScene({"bowl": bowl(0.0, 0.1, 0.0)})
    relief = scene.relief(np.array([0.0, 0.1]), 0.2, 0.003, own="bowl")
    best = grasps(relief, np.array([0.0, 0.1]), scene.base(), np.pi / 2)[0]
    assert np.linalg.norm(best.position[:2] - [0.0, 0.1]) == pytest.approx(0.055, abs=0.008)
    assert best.position[0] < 0.0


def test_what_is_too_wide_or_hemmed_in_cannot_be_held():
    block = BlockScene({"block": [box(0, 0, 0, 0.12, 0.12, 0.05)]})
    patch = block.relief(np.zeros(2), 0.2, 0.003, own="block")
    assert grasps(patch, np.zeros(2), block.base(), 0.0) == []
    hemmed = BlockScene({
        "box": [box(0, 0, 0, 0.03, 0.03, 0.05)],
        "walls": [box(0.03, 0, 0, 0.02, 0.2, 0.1), box(-0.03, 0, 0, 0.02, 0.2, 0.1),
                  box(0, 0.03, 0, 0.2, 0.02, 0.1), box(0, -0.03, 0, 0.2, 0.02, 0.1)],
    })  # fmt: skip
    patch = hemmed.relief(np.zeros(2), 0.2, 0.003, own="box")
    assert grasps(patch, np.zeros(2), hemmed.base(), 0.0) == []


def test_a_box_is_carried_over_a_wall_and_set_down_on_its_place():
    scene = BlockScene({
        "box": [box(-0.1, -0.1, 0.0, 0.04, 0.06, 0.08)],
        "wall": [box(-0.1, 0.05, 0.0, 0.4, 0.02, 0.18)],
        "plate": [box(0.0, 0.2, 0.0, 0.14, 0.14, 0.01)],
    })  # fmt: skip
    play(scene, [("box", "plate")])
    assert scene.held is None
    np.testing.assert_allclose(scene.position("box")[:2], [0.0, 0.2], atol=0.012)
    assert scene.position("box")[2] == pytest.approx(0.01, abs=1e-9)
    assert scene.lowest_clearance > -1e-9  # it went through nothing


def test_two_things_go_into_one_basket():
    walls = [
        box(0.1 + dx, 0.25 + dy, 0.0, 0.01 if dx else 0.16, 0.01 if dy else 0.16, 0.13)
        for dx, dy in ((0.075, 0), (-0.075, 0), (0, 0.075), (0, -0.075))
    ]
    scene = BlockScene(
        {
            "can": [box(-0.1, -0.1, 0.0, 0.05, 0.05, 0.08)],
            "bowl": bowl(-0.05, -0.25, 0.0),
            "basket": [*walls, box(0.1, 0.25, 0.0, 0.15, 0.15, 0.01)],
            "tray": [box(-0.2, 0.2, 0.0, 0.2, 0.2, 0.01)],
        },
        places={"inside": (0.1, 0.25, 0.07)},
    )
    play(scene, [("can", "inside"), ("bowl", "tray")])
    np.testing.assert_allclose(scene.position("can"), [0.1, 0.25, 0.01], atol=0.012)
    np.testing.assert_allclose(scene.position("bowl"), [-0.2, 0.2, 0.01], atol=0.012)


def test_it_tries_again_what_slips_and_gives_up_what_cannot_be_held():
    scene = BlockScene({
        "box": [box(-0.1, -0.1, 0.0, 0.04, 0.06, 0.05)],
        "plate": [box(0.0, 0.2, 0.0, 0.14, 0.14, 0.01)],
    })  # fmt: skip
    tries, between = itertools.count(), scene._between
    scene._between = lambda: between() if next(tries) >= 30 else None  # the first grasp slips
    play(scene, [("box", "plate")])
    np.testing.assert_allclose(scene.position("box")[:2], [0.0, 0.2], atol=0.012)

    assert next(tries) > 30

    scene = BlockScene({"block": [box(0, 0, 0, 0.12, 0.12, 0.05)]}, {"place": (0, 0.3, 0)})
    assert play(scene, [("block", "place")]) == 0
