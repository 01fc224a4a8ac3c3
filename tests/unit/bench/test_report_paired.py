import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.bench.report.estimate import against, estimate
from kinecast.bench.report.paired import DRAWS, holm, sign_flip
from kinecast.core.errors import UserError


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 1, 1, 1, 1], 2 / 32),  # only all signs as found, or all turned
        ([1, 2, 3], 2 / 8),
        ([1, 1, -1], 1.0),  # a sum of 1 or 3, always
        ([3, 1, -1], 6 / 8),  # 3+1-1, 3+1+1, 3-1+1 and their mirrors are as far as 3
        ([5.0], 1.0),
        ([0, 0, 0, 0], 1.0),
    ],
)
def test_small_cases_counted_by_hand(differences, p):
    assert sign_flip(np.array(differences, float), range(len(differences))) == pytest.approx(p)


def test_a_real_difference_is_found_and_none_where_there_is_none():
    draws = np.random.default_rng(0)
    noise = draws.normal(0, 1, 60)
    assert sign_flip(noise + 1.0, range(60)) == pytest.approx(1 / (DRAWS + 1), rel=2)
    assert sign_flip(noise - noise.mean(), range(60)) > 0.9


def test_without_a_difference_p_is_uniform():
    draws = np.random.default_rng(1)
    p = np.array([sign_flip(draws.normal(size=8), range(8)) for _ in range(400)])
    for level in (0.05, 0.25, 0.5, 0.75):
        assert (p <= level).mean() == pytest.approx(level, abs=0.06)


def test_random_signs_agree_with_all_of_them():
    draws = np.random.default_rng(2)
    differences = draws.normal(0.4, 1, 13)
    exact = sign_flip(differences, range(13))
    drawn = sign_flip(np.append(differences, 0.0), range(14))  # a scene more, of no weight
    assert drawn == pytest.approx(exact, abs=0.015)


def test_cases_of_a_scene_flip_together():
    differences = np.ones(8)
    assert sign_flip(differences, range(8)) == 2 / 2**8
    assert sign_flip(differences, [0, 0, 0, 0, 1, 1, 1, 1]) == 2 / 4


@settings(deadline=None, max_examples=30)
@given(
    differences=st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=1, max_size=10),
    scale=st.floats(0.01, 100),
)
def test_p_depends_neither_on_unit_nor_direction(differences, scale):
    found = np.array(differences)
    units = range(len(found))
    p = sign_flip(found, units)
    assert 0 < p <= 1
    assert sign_flip(-scale * found, units) == pytest.approx(p)


@pytest.mark.parametrize("wrong", [[], [1.0, np.nan]])
def test_nothing_and_nan_are_refused(wrong):
    with pytest.raises(UserError, match=r"one difference and one unit|finite differences"):
        sign_flip(np.array(wrong), range(len(wrong)))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([0.02]) == [0.02]


def test_estimate_of_a_known_mean():
    values = [1.0, 2.0, 3.0, 6.0]
    found = estimate(values, range(4))
    assert (found.mean, found.cases) == (3.0, 4)
    assert found.low < 3.0 < found.high
    assert estimate(values, ["one"] * 4).low is None
    assert estimate([2.5], ["one"]).mean == 2.5


def test_estimates_refuse_nan():
    with pytest.raises(UserError, match="finite numbers"):
        estimate([1.0, float("nan")], range(2))


def test_against_an_opponent_twice_as_far_off():
    theirs = np.array([2.0, 4.0, 6.0, 8.0, 10.0])
    found = against((theirs / 2).tolist(), theirs.tolist(), range(5))
    assert (found.ours, found.theirs, found.ratio) == (3.0, 6.0, 0.5)
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))
    assert found.mean_of_ratios == pytest.approx(0.5)
    assert found.p == 2 / 32


def test_ratio_of_means_is_not_the_mean_of_ratios():
    found = against([1.0, 1.0], [1.0, 4.0], ["a", "b"])
    assert found.ratio == pytest.approx(2 / 5)
    assert found.mean_of_ratios == pytest.approx((1 + 1 / 4) / 2)


def test_an_opponent_that_never_errs_has_no_ratio():
    found = against([1.0, 2.0], [0.0, 0.0], ["a", "b"])
    assert (found.ratio, found.low, found.mean_of_ratios) == (None, None, None)
    assert found.p == 0.5
