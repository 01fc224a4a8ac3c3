"""Scores of K samples: known answers, and what must not change them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.best_of_k import best_of_k, nearest_sample, pair_errors
from kinecast.metrics.coverage import coverage
from kinecast.metrics.crps import crps
from kinecast.metrics.displacement import ade
from kinecast.metrics.energy_score import energy_score
from kinecast.metrics.horizon import error_over_horizon
from kinecast.metrics.min_ade import min_ade, min_fde, sample_ades
from kinecast.metrics.miss_rate import miss_rate
from kinecast.metrics.pck import pck
from kinecast.metrics.scene_variance import scene_variance
from kinecast.metrics.time_budget import min_ade_within

SIZE = (80, 48)


def truth_of(xy, visible=None):
    xy = np.asarray(xy, np.float32)
    visible = np.ones(xy.shape[:2], bool) if visible is None else visible
    return Tracks(xy=xy, visible=visible, size=SIZE)


def drawn(seed, k=5, t=6, n=7):
    """Samples, and a truth of which a quarter is hidden."""
    rng = np.random.default_rng(seed)
    visible = rng.random((t, n)) < 0.75
    visible[-1, 0] = True
    truth = truth_of(rng.uniform(0, 40, (t, n, 2)), visible)
    return (truth.xy + rng.normal(0, 8, (k, t, n, 2))).astype(np.float32), truth


def all_scores(xy, truth):
    found = coverage(xy, truth)
    curve = error_over_horizon(xy[0], truth)
    return {
        "min_ade": min_ade(xy, truth),
        "min_fde": min_fde(xy, truth),
        "miss": miss_rate(xy, truth, 5.0),
        "energy": energy_score(xy, truth),
        "crps": crps(xy, truth),
        "coverage": found.error,
        "ranks": found.ranks.tolist(),
        "curve": curve.error.tolist(),
        **pck(xy[0], truth),
    }


def flat(scores):
    return np.concatenate([np.ravel(value) for value in scores.values()])


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 9999))
def test_order_of_points_and_hidden_points_do_not_matter(seed):
    xy, truth = drawn(seed)
    expected = flat(all_scores(xy, truth))
    order = np.random.default_rng(seed).permutation(truth.count)
    mixed = truth_of(truth.xy[:, order], truth.visible[:, order])
    np.testing.assert_allclose(flat(all_scores(xy[:, :, order], mixed)), expected, atol=1e-12)
    nan = np.full((len(truth), 2, 2), np.nan, np.float32)
    hidden = np.concatenate([truth.visible, np.zeros((len(truth), 2), bool)], axis=1)
    more = truth_of(np.concatenate([truth.xy, nan], axis=1), hidden)
    anywhere = np.concatenate([xy, np.tile(nan, (len(xy), 1, 1, 1))], axis=2)
    np.testing.assert_allclose(flat(all_scores(anywhere, more)), expected, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 9999))
def test_order_of_samples_does_not_matter(seed):
    xy, truth = drawn(seed)
    mixed = np.concatenate([xy[:1], np.random.default_rng(seed).permutation(xy[1:])])
    expected = flat(all_scores(xy, truth))
    np.testing.assert_allclose(flat(all_scores(mixed, truth)), expected, atol=1e-12)


def test_the_lowest_ade_and_the_lowest_fde_are_of_different_samples():
    truth = truth_of(np.zeros((3, 1, 2)))
    xy = np.zeros((2, 3, 1, 2), np.float32)
    xy[0, 2, 0, 0] = 3  # exact but for the end
    xy[1, :2, 0, 0] = 9  # exact at the end
    assert sample_ades(xy, truth).tolist() == [1, 6]
    assert (min_ade(xy, truth), min_fde(xy, truth)) == (1, 0)


def test_each_point_may_be_met_by_another_sample():
    truth = truth_of(np.zeros((2, 2, 2)), np.array([[True, True], [True, False]]))
    xy = np.zeros((2, 2, 2, 2), np.float32)
    xy[:, 1] = [[[5, 0], [0, 0]], [[0, 4], [0, 0]]]
    assert miss_rate(xy, truth, 4.0) == 0
    assert miss_rate(xy, truth, 3.9) == 1  # the other point is hidden at the end
    with pytest.raises(UserError, match="above 0 pixels, got 0"):
        miss_rate(xy, truth, 0.0)


def test_the_curve_leaves_frames_out_where_nothing_is_visible():
    xy = np.zeros((4, 2, 2), np.float32)
    xy[:, :, 0] = np.arange(4)[:, None] * [3, 1]
    visible = np.array([[True, True], [False, False], [True, False], [True, True]])
    curve = error_over_horizon(xy, truth_of(np.zeros((4, 2, 2)), visible))
    assert curve.frame.tolist() == [0, 2, 3]
    assert curve.error.tolist() == [0, 6, 6]
    truth = truth_of(np.zeros((4, 2, 2)), visible)
    mean = ade(xy, truth, np.ones(2, bool))
    assert np.average(curve.error, weights=curve.count) == pytest.approx(mean)


def test_pck_counts_pixels_of_a_256_frame_strictly():
    truth = truth_of(np.zeros((1, 1, 2)))
    off = np.float32([[[4 * 80 / 256, 0]]])
    assert pck(off, truth) == {
        "pck_1": 0, "pck_2": 0, "pck_4": 0, "pck_8": 1, "pck_16": 1, "delta_avg": 0.4,
    }  # fmt: skip
    assert pck(off, truth, SIZE)["pck_2"] == 1


def test_energy_score_and_crps_of_two_samples():
    truth = truth_of(np.zeros((2, 3, 2)))
    xy = np.zeros((2, 2, 3, 2), np.float32)
    xy[:, ..., 0] = np.float32([-3, 5])[:, None, None]
    assert energy_score(xy, truth) == pytest.approx((3 + 5) / 2 - 8 / 4)
    assert crps(xy, truth) == pytest.approx(((3 + 5) / 2 - 8 / 4) / 2)  # nothing in y
    assert energy_score(xy[:1], truth) == pytest.approx(3)  # of one sample: its distance
    assert crps(xy[:1], truth) == pytest.approx(1.5)
    same = np.tile(xy[:1], (4, 1, 1, 1))
    assert energy_score(same, truth) == pytest.approx(3)


def test_the_crps_is_its_definition():
    xy, truth = drawn(3)
    a = xy[:, truth.visible].astype(float)
    between = np.abs(a[:, None] - a[None]).mean()
    expected = np.abs(a - truth.xy[truth.visible]).mean() - between / 2
    assert crps(xy, truth) == pytest.approx(expected)


def test_only_the_energy_score_sees_which_points_move_together():
    signs = np.float32([-1, 1])
    together = np.zeros((2, 1, 2, 2), np.float32)
    together[..., 0] = signs[:, None, None] * 4
    apart = together.copy()
    apart[:, :, 1] *= -1
    truth = truth_of(together[0])
    assert crps(together, truth) == pytest.approx(crps(apart, truth))
    assert energy_score(together, truth) < energy_score(apart, truth)


def test_samples_drawn_as_the_truth_are_calibrated_and_narrow_ones_are_not():
    rng = np.random.default_rng(0)
    truth = truth_of(rng.normal(20, 5, (20, 200, 2)))
    xy = rng.normal(20, 5, (9, 20, 200, 2)).astype(np.float32)
    good = coverage(xy, truth)
    np.testing.assert_allclose(good.ranks, 0.1, atol=0.01)
    np.testing.assert_allclose(good.nominal, [0.8, 0.6, 0.4, 0.2])
    assert good.error < 0.02
    narrow = coverage((xy - 20) / 4 + 20, truth)
    assert (narrow.observed < narrow.nominal - 0.1).all()
    wide = coverage((xy - 20) * 4 + 20, truth)
    assert (wide.observed > wide.nominal + 0.1).all()


def test_a_truth_equal_to_all_samples_may_take_any_place():
    truth = truth_of(np.full((3, 2, 2), 7))
    found = coverage(np.tile(truth.xy, (4, 1, 1, 1)), truth)
    np.testing.assert_allclose(found.ranks, 0.2)
    assert found.error == pytest.approx(0)
    with pytest.raises(UserError, match="at least 2 samples"):
        coverage(truth.xy[None], truth)


def test_best_of_k_is_the_nearest_pair():
    reference = np.zeros((2, 3, 4, 2)) + np.array([0, 10])[:, None, None, None]
    generated = np.zeros((3, 3, 4, 2)) + np.array([1, 4, 7])[:, None, None, None]
    assert pair_errors(generated, reference).tolist() == [[1, 16, 49], [81, 36, 9]]
    assert best_of_k(generated, reference) == 1
    assert best_of_k(generated, reference, "sqdist") == 2
    assert best_of_k(generated, reference, "distance") == pytest.approx(2**0.5)
    assert nearest_sample(generated, reference) == 5
    with pytest.raises(UserError, match="same frames and points"):
        best_of_k(generated[:, :2], reference)
    with pytest.raises(UserError, match="finite positions"):
        best_of_k(generated * np.nan, reference)


def test_scene_variance_sums_both_coordinates():
    xy = np.zeros((2, 3, 4, 2))
    xy[0] = 2, 4
    assert scene_variance(xy) == 1 + 4
    assert scene_variance(xy[:1]) == 0
    with pytest.raises(UserError, match="finite samples"):
        scene_variance(xy * np.nan)


def test_only_samples_that_are_ready_in_time_count():
    ades, ready = np.array([5.0, 2.0, 1.0]), np.array([1.0, 2.0, 30.0])
    assert [min_ade_within(ades, ready, s) for s in (1, 10, 60)] == [5, 2, 1]
    with pytest.raises(UserError, match=r"within 0.5 s, got the first of 3 after 1 s"):
        min_ade_within(ades, ready, 0.5)
    with pytest.raises(UserError, match="one error and one time"):
        min_ade_within(ades, ready[:2], 1)
    with pytest.raises(UserError, match="finite errors"):
        min_ade_within(ades * np.nan, ready, 1)


@pytest.mark.parametrize(
    "score",
    [min_ade, min_fde, energy_score, crps, coverage, lambda x, t: miss_rate(x, t, 1.0),
     lambda x, t: error_over_horizon(x[0], t), lambda x, t: pck(x[0], t)],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused(score):
    xy, truth = drawn(0)
    hidden = truth_of(truth.xy, np.zeros(truth.visible.shape, bool))
    with pytest.raises(UserError, match="visible points, got none"):
        score(xy, hidden)
    with pytest.raises(UserError, match="finite forecast positions"):
        score(xy * np.float32(np.nan), truth)
    with pytest.raises(UserError, match="frames and points"):
        score(xy[:, :, :3], truth)
