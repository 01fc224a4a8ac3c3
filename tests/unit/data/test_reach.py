"""A planar arm reaches for the disc that a text names."""

from itertools import pairwise

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.reach import COLOURS, EPISODE, OPEN, STEP, reach

SIZE = (64, 48)
FRAMES = 8


@pytest.fixture(scope="module")
def clips():
    return [reach(1, index, frames=FRAMES, size=SIZE) for index in range(24)]


def test_the_arguments_alone_decide(clips):
    again = reach(1, 5, frames=FRAMES, size=SIZE)
    assert np.array_equal(again.picture(1), clips[5].picture(1))
    assert np.array_equal(again.states, clips[5].states)
    assert not np.array_equal(again.picture(0), clips[6].picture(0))


def test_actions_take_the_hand_from_state_to_state(clips):
    """The hand's layer is the last one; its pose in view 0 says where it is."""
    for clip in clips:
        hand = np.array([clip.layers[0][-1].motion.pose(t)[:2, 2] for t in range(FRAMES)])
        moved = clip.actions[:-1, :2] * STEP * min(SIZE)
        np.testing.assert_allclose(np.diff(hand, axis=0), moved, atol=0.35)
        assert not clip.actions[:, 2:6].any()


def test_the_hand_ends_at_the_named_disc(clips):
    late = [clip for clip in clips if clip.step >= (EPISODE - 2) * FRAMES]
    assert late
    for clip in late:
        colour = clip.text.split()[3]
        disc = clip.layers[0][1 + list(COLOURS).index(colour)].motion.pose(0)[:2, 2]
        hand = clip.layers[0][-1].motion.pose(FRAMES - 1)[:2, 2]
        if clip.actions[-1, 6] > 0:
            assert np.linalg.norm(hand - disc) < 1.0
        grips = clip.actions[:, 6]
        assert all(b >= a for a, b in pairwise(grips))
        assert (clip.states[:, 7:] <= OPEN + 1e-6).all()
    assert any(clip.actions[-1, 6] > 0 for clip in late)


def test_windows_begin_anywhere_and_all_colours_are_named(clips):
    assert len({clip.step for clip in clips}) > 5
    assert {clip.text.split()[3] for clip in clips} == set(COLOURS)


def test_the_second_view_goes_with_the_hand(clips):
    points = Grid.over(SIZE, 8.0).points().reshape(-1, 2)
    clip = max(clips, key=lambda c: np.abs(c.actions[:, :2]).sum())
    middle = np.array([[SIZE[0] / 2, SIZE[1] / 2]], np.float32)
    xy, visible = clip.follow(middle, 1)
    np.testing.assert_allclose(xy, np.broadcast_to(middle, xy.shape), atol=0.7)
    assert visible.all()
    far, near = (clip.follow(points, view)[0] for view in (0, 1))
    moved = [np.abs(xy[-1] - xy[0]).max(-1) for xy in (far, near)]
    assert np.median(moved[0]) < 0.1
    assert np.median(moved[1]) > 1.0


def test_a_window_of_one_frame_is_refused():
    with pytest.raises(UserError, match="2 frames or more, got 1"):
        reach(0, 0, frames=1, size=SIZE)
