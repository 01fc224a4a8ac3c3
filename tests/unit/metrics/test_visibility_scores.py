"""Scores of visibility, and of the boundary between history and future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.boundary import position_jump, velocity_jump
from kinecast.metrics.visibility import average_precision, f1
from kinecast.metrics.visibility_calibration import calibration

TRUTH = np.array([[True, True, False, True]])


def test_average_precision_by_hand():
    perfect = np.array([[0.9, 0.8, 0.1, 0.7]])
    assert average_precision(perfect, TRUTH) == 1
    late = np.array([[0.9, 0.8, 0.75, 0.7]])  # the hidden one is third
    assert average_precision(late, TRUTH) == pytest.approx((1 + 1 + 3 / 4) / 3)


def test_a_probability_that_knows_nothing_scores_the_share_of_visible_points():
    flat = np.full((5, 1, 4), 0.3)
    assert average_precision(flat, TRUTH) == pytest.approx(3 / 4)
    found = calibration(np.full((1, 4), 0.75), TRUTH)
    assert found.error == pytest.approx(0)
    assert found.brier == pytest.approx(0.75 * 0.25)


def test_calibration_by_hand():
    found = calibration(np.array([[1.0, 0.0, 0.0, 0.95]]), TRUTH)
    assert found.predicted.tolist() == pytest.approx([0, 0.975])
    assert found.observed.tolist() == [0.5, 1]
    assert found.count.tolist() == [2, 2]
    assert found.error == pytest.approx((0.5 + 0.025) / 2)
    assert found.brier == pytest.approx((1 + 0.05**2) / 4)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999))
def test_order_of_points_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    truth, p = rng.random((4, 9)) < 0.6, np.round(rng.random((3, 4, 9)), 1)
    truth[0, 0] = True
    order = rng.permutation(9)
    for score in (average_precision, lambda p, t: calibration(p, t).error):
        assert score(p[..., order], truth[:, order]) == pytest.approx(score(p, truth))


def test_visibility_that_cannot_be_scored_is_refused():
    with pytest.raises(UserError, match="visible in the truth, got none"):
        average_precision(np.ones((1, 4)), ~np.ones_like(TRUTH))
    with pytest.raises(UserError, match="from 0 to 1"):
        average_precision(np.full((1, 4), np.nan), TRUTH)
    with pytest.raises(UserError, match=r"\(K, T, N\) or \(T, N\)"):
        calibration(np.ones((1, 3)), TRUTH)
    with pytest.raises(UserError, match="visible in truth or forecast"):
        f1([~np.ones_like(TRUTH)], ~np.ones_like(TRUTH))


def tracks(xy, visible=None):
    xy = np.asarray(xy, np.float32)
    visible = np.ones(xy.shape[:2], bool) if visible is None else np.asarray(visible)
    return Tracks(xy=xy, visible=visible, size=(80, 48))


def moving(start, frames, *velocities):
    t = np.arange(start, start + frames)[:, None, None]
    return t * np.asarray(velocities, float) + 20


def test_motion_that_goes_on_has_no_kink_and_stillness_has_all_of_it():
    xy = moving(0, 6, (3, 4), (0, 1))
    history, future = tracks(xy[:4]), tracks(xy[4:])
    assert velocity_jump(history, future) == pytest.approx(0)
    assert position_jump(history, future) == pytest.approx((5 + 1) / 2)
    still = tracks(np.tile(xy[3:4], (2, 1, 1)))
    assert velocity_jump(history, still) == pytest.approx((5 + 1) / 2)
    assert position_jump(history, still) == 0


def test_points_hidden_before_the_boundary_do_not_count():
    xy = moving(0, 3, (3, 4), (0, 1))
    lost = xy.copy()
    lost[1, 0] = np.nan
    history = tracks(lost, [[True, True], [False, True], [True, True]])
    still = tracks(xy[2:])
    assert velocity_jump(history, still) == pytest.approx(1)
    assert position_jump(history, still) == 0
    chosen = np.array([True, False])
    with pytest.raises(UserError, match="in the last 2 frames of the history, got none"):
        velocity_jump(history, still, chosen)
    gone = tracks(np.full((1, 2, 2), np.nan), np.zeros((1, 2), bool))
    with pytest.raises(UserError, match="finite positions in the first future frame"):
        position_jump(history, gone)
    with pytest.raises(UserError, match="at least 2 frames, got 1"):
        velocity_jump(tracks(xy[:1]), still)
    with pytest.raises(UserError, match="same points"):
        position_jump(tracks(xy[:, :1]), still)
