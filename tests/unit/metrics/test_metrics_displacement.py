"""ADE, FDE and best-of-K on cases with known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.metrics.evaluate import evaluate, evaluate_one

SIZE = (80, 48)  # the diagonal is 93.3 px, 2 % of it 1.87 px


def tracks(xy, visible=None):
    xy = np.asarray(xy, np.float32)
    visible = np.ones(xy.shape[:2], bool) if visible is None else np.asarray(visible)
    return Tracks(xy=xy, visible=visible, size=SIZE)


def standing(frames, *points):
    return np.tile(np.asarray(points, np.float32), (frames, 1, 1))


def test_a_perfect_forecast_scores_zero_and_one():
    xy = standing(4, (10, 10), (20, 20)) + np.arange(4, dtype=np.float32)[:, None, None]
    scores = evaluate([tracks(xy)], tracks(xy))
    assert scores.pop("visibility_f1") == 1.0
    moving = scores.pop("moving")
    assert set(scores) == set(moving)
    assert set(scores) == {"mean_ade", "best_ade", "sample_ade", "mean_fde", "best_fde"}
    assert all(value == 0.0 for value in (*scores.values(), *moving.values()))


def test_distance_is_euclidean_in_pixels_and_hidden_truth_does_not_count():
    truth = tracks(standing(2, (10, 10), (40, 30)), [[True, True], [True, False]])
    forecast = tracks(standing(2, (13, 14), (40, 30)))  # point 0 is 5 px off, point 1 exact
    scores = evaluate_one(forecast, truth)
    assert scores["ade"] == pytest.approx((5 + 5 + 0) / 3)
    assert scores["fde"] == pytest.approx(5)  # point 1 is hidden at the last frame


def test_of_two_opposite_samples_the_mean_is_exact_and_neither_is_best_by_itself():
    truth = tracks(standing(3, (30, 30)))
    futures = [tracks(standing(3, (30 + dx, 30))) for dx in (-4, 4)]
    scores = evaluate(futures, truth)
    assert scores["mean_ade"] == 0.0
    assert scores["best_ade"] == scores["sample_ade"] == pytest.approx(4)


def test_the_best_sample_is_one_for_all_points_and_frames():
    truth = tracks(standing(2, (10, 10), (40, 30)))
    left = tracks(standing(2, (10, 10), (40, 36)))  # right on point 0, 6 px off on point 1
    right = tracks(standing(2, (12, 10), (40, 30)))  # 2 px off on point 0
    scores = evaluate([left, right], truth)
    assert scores["best_ade"] == pytest.approx(1)  # a minimum per point would be 0
    assert scores["sample_ade"] == pytest.approx((3 + 1) / 2)


def test_best_fde_belongs_to_the_sample_of_lowest_ade():
    truth = tracks(standing(3, (30, 30)))
    early = standing(3, (30, 30))
    early[:2, :, 0] += 5  # far off, then exact at the last frame
    late = standing(3, (30, 30))
    late[2, :, 0] += 3
    scores = evaluate([tracks(early), tracks(late)], truth)
    assert scores["best_ade"] == pytest.approx(1)
    assert scores["best_fde"] == pytest.approx(3)


def test_moving_points_leave_two_percent_of_the_diagonal_from_their_last_observed_place():
    history = tracks(standing(2, (10, 10), (20, 20), (30, 30)))
    xy = standing(3, (10, 10), (21.8, 20), (31.9, 30))
    truth = tracks(xy, [[True] * 3, [True] * 3, [True, True, True]])
    forecast = tracks(standing(3, (14, 10), (20, 20), (30, 30)))
    scores = evaluate_one(forecast, truth, history)
    assert scores["moving"]["ade"] == pytest.approx(1.9, abs=1e-5)  # the third point alone
    assert scores["ade"] == pytest.approx((4 + 1.8 + 1.9) / 3, abs=1e-5)


def test_a_point_that_only_moves_while_hidden_does_not_move():
    history = tracks(standing(2, (10, 10)))
    xy = standing(3, (10, 10))
    xy[1] += 30
    truth = tracks(xy, [[True], [False], [True]])
    assert np.isnan(evaluate_one(tracks(xy), truth, history)["moving"]["ade"])


def test_a_forecast_brings_its_own_history():
    still, away = standing(3, (10, 10)), standing(3, (30, 10))
    history = tracks(still)
    futures = (tracks(away),)
    forecast = Forecast(futures, np.ones((1, 3, 1), np.float16), history)
    assert evaluate(forecast, tracks(away))["moving"]["mean_ade"] == 0.0
    assert np.isnan(evaluate([*futures], tracks(away))["moving"]["mean_ade"])


def test_the_last_visible_place_stands_in_for_one_that_is_not_a_number():
    xy = standing(2, (10, 10))
    xy[1] = np.nan
    history = tracks(xy, [[True], [False]])
    scores = evaluate_one(tracks(standing(1, (30, 13))), tracks(standing(1, (30, 10))), history)
    assert scores["moving"]["ade"] == pytest.approx(3)


def test_only_common_frames_are_scored():
    truth = tracks(standing(2, (10, 10)))
    xy = standing(5, (10, 10))
    xy[1:] += np.float32(3), np.float32(4)
    scores = evaluate([tracks(xy)], truth)
    assert scores["mean_ade"] == pytest.approx(2.5)
    assert scores["mean_fde"] == pytest.approx(5)


def test_visibility_f1_pools_samples():
    truth = tracks(standing(2, (10, 10)), [[True], [False]])
    always = tracks(standing(2, (10, 10)))
    never = tracks(standing(2, (10, 10)), [[False], [False]])
    assert evaluate([always, never], truth)["visibility_f1"] == pytest.approx(2 / (2 + 1 + 1))


def test_wrong_input_says_what_is_wrong():
    truth = tracks(standing(2, (10, 10)))
    with pytest.raises(UserError, match=r"2 points on .* and 1 on"):
        evaluate([tracks(standing(2, (1, 1), (2, 2)))], truth)
    with pytest.raises(UserError, match="at least one future"):
        evaluate([], truth)
    with pytest.raises(UserError, match="visible points, got none"):
        evaluate([truth], tracks(standing(2, (10, 10)), np.zeros((2, 1), bool)))
    hole = tracks(np.full((2, 1, 2), np.nan), np.zeros((2, 1), bool))
    with pytest.raises(UserError, match="finite forecast positions"):
        evaluate([hole], truth)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999))
def test_order_of_points_and_hidden_points_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    visible = rng.random((5, 6)) < 0.7
    visible[0, 0] = visible[-1, 0] = True
    xy = rng.uniform(0, 40, (4, 5, 6, 2))
    expected = flat(evaluate([tracks(x) for x in xy[1:]], tracks(xy[0], visible)))
    order = rng.permutation(6)
    truth = tracks(xy[0][:, order], visible[:, order])
    mixed = evaluate([tracks(x[:, order]) for x in xy[1:]], truth)
    assert flat(mixed) == pytest.approx(expected, nan_ok=True)
    more = np.concatenate([xy, rng.uniform(0, 40, (4, 5, 1, 2))], axis=2)
    shown = np.concatenate([np.ones((5, 6), bool), np.zeros((5, 1), bool)], axis=1)
    unseen = np.concatenate([visible, np.zeros((5, 1), bool)], axis=1)
    longer = evaluate([tracks(x, shown) for x in more[1:]], tracks(more[0], unseen))
    assert flat(longer) == pytest.approx(expected, nan_ok=True)


def flat(scores):
    return [*scores.pop("moving").values(), *scores.values()]
