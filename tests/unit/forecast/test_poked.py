"""Every point moves as the nearest poke does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from straight_system import SIZE, grid_tracks

from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.forecast.poked import nearest_poke


def test_points_go_straight_with_their_nearest_poke_and_then_hold():
    still = grid_tracks(1)
    pokes = Pokes.of((10, 24, 18, 20), (70, 24, 70, 44, 0.5))
    future = nearest_poke(still, pokes, 8)
    left = still.xy[0, :, 0] < 40
    moved = future.xy - still.xy
    time = np.arange(1, 9)[:, None] / 8
    np.testing.assert_allclose(
        moved[:, left], (time * [8, -4])[:, None].repeat(left.sum(), 1), atol=1e-4
    )
    halved = np.minimum(2 * time, 1)
    np.testing.assert_allclose(
        moved[:, ~left], (halved * [0, 20])[:, None].repeat((~left).sum(), 1), atol=1e-4
    )


def test_a_poke_of_time_zero_is_at_its_end_at_once():
    still = grid_tracks(1)
    future = nearest_poke(still, Pokes.of((4, 4, 9, 7, 0.0)), 3)
    np.testing.assert_allclose(
        future.xy - still.xy, np.broadcast_to([5, 3], future.xy.shape), atol=1e-4
    )


def test_a_longer_history_counts_by_where_points_were_last_seen():
    past = grid_tracks(6, velocity=(2.0, 0.0))
    visible = past.visible.copy()
    visible[3:, 5] = False
    visible[:, 7] = False
    past = replace(past, visible=visible)
    future = nearest_poke(past, Pokes.of((4, 4, 4, 12)), 4)
    np.testing.assert_allclose(future.xy[-1, 5], past.xy[2, 5] + [0, 8], atol=1e-4)
    assert not future.visible[:, 7].any()
    assert np.isfinite(future.xy).all()


@given(seed=st.integers(0, 2**16))
def test_shifting_everything_shifts_the_forecast_and_pokes_may_come_in_any_order(seed):
    rng = np.random.default_rng(seed)
    still, rows = grid_tracks(1), rng.uniform(5, 40, (5, 4)).astype(np.float32)
    time = rng.uniform(0, 1, 5).astype(np.float32)
    pokes = Pokes(rows[:, :2], rows[:, 2:], time)
    future = nearest_poke(still, pokes, 6)
    order = rng.permutation(5)
    other = Pokes(rows[order, :2], rows[order, 2:], time[order])
    np.testing.assert_allclose(nearest_poke(still, other, 6).xy, future.xy, atol=1e-4)
    shift = np.array([16.0, -8.0], np.float32)
    moved = Pokes(rows[:, :2] + shift, rows[:, 2:] + shift, time)
    shifted = nearest_poke(replace(still, xy=still.xy + shift), moved, 6)
    np.testing.assert_allclose(shifted.xy, future.xy + shift, atol=1e-3)


def test_what_leaves_the_frame_is_not_seen():
    future = nearest_poke(grid_tracks(1), Pokes.of((40, 24, 40 + SIZE[0], 24)), 5)
    assert np.array_equal(future.visible, future.inside())
    assert not future.visible[-1].any()


@pytest.mark.parametrize(
    ("pokes", "horizon", "message"),
    [
        (Pokes.of(), 4, "expected at least one poke to move points by, got none"),
        (Pokes.of((1, 1, 2, 2)), 0, "expected a horizon of at least 1 frame, got 0"),
    ],
)
def test_nothing_to_move_by_is_an_error(pokes, horizon, message):
    with pytest.raises(UserError, match=message):
        nearest_poke(grid_tracks(1), pokes, horizon)
