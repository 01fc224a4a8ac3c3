"""Elo ratings whose value can be worked out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.bench.ranking.elo import elo
from kinecast.core.errors import UserError


def beats(wins, losses):
    return np.array([[0, wins], [losses, 0]], float)


@pytest.mark.parametrize(("wins", "losses"), [(7, 3), (1, 0), (0, 0), (20, 20), (5, 40)])
def test_two_methods_differ_by_the_odds_with_one_tie_added(wins, losses):
    a, b = elo(beats(wins, losses))
    assert a - b == pytest.approx(400 * np.log10((wins + 0.5) / (losses + 0.5)), abs=1e-4)
    assert a + b == pytest.approx(2000)


def test_many_votes_of_64_percent_are_100_points():
    a, b = elo(beats(64_000, 36_000))
    assert a - b == pytest.approx(100, abs=0.1)


def test_who_never_lost_has_a_rating():
    ratings = elo(np.array([[0, 10, 10], [0, 0, 10], [0, 0, 0]], float))
    assert np.isfinite(ratings).all()
    assert ratings[0] - ratings[1] == pytest.approx(ratings[1] - ratings[2], abs=1e-4)


def test_ratings_that_fit_are_found_through_a_third_method():
    """a : b = 3 : 1 and b : c = 3 : 1, in such numbers that the ties do not count."""
    many = 1e7
    wins = many * np.array([[0, 3, 0], [1, 0, 3], [0, 1, 0]])
    ratings = elo(wins)
    step = 400 * np.log10(3)
    assert np.diff(ratings) == pytest.approx([-step, -step], abs=0.01)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), m=st.integers(2, 6))
def test_names_and_order_do_not_matter_and_one_more_win_helps(seed, m):
    rng = np.random.default_rng(seed)
    wins = rng.integers(0, 9, (m, m)).astype(float)
    order = rng.permutation(m)
    ratings = elo(wins)
    np.testing.assert_allclose(elo(wins[np.ix_(order, order)]), ratings[order], atol=1e-4)
    np.testing.assert_allclose(elo(np.stack([wins, wins.T]))[0], ratings, atol=1e-4)
    assert ratings.mean() == pytest.approx(1000)
    more = wins.copy()
    more[0, 1] += 1
    assert elo(more)[0] > ratings[0]
    assert elo(more)[1] < ratings[1]


def test_counts_that_are_none_are_refused():
    for wins in (np.zeros((1, 1)), -beats(1, 2), beats(np.nan, 1), np.zeros((2, 3))):
        with pytest.raises(UserError, match="counts of votes"):
            elo(wins)
