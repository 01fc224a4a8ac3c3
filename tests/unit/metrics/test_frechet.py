"""The Frechet distance: Gaussians with a known answer, and the form that builds d x d matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.metrics.frechet import EPS, frechet


def naive(a, b, eps=EPS):
    """As published: eigenvalues of the product of two d x d covariances."""
    D = a.shape[1]
    s, t = (np.cov(x, rowvar=False).reshape(D, D) for x in (a, b))
    value, vector = np.linalg.eigh(s + eps * np.eye(D))
    root = np.sqrt(np.maximum(value, 0))[:, None] * vector.T
    inner = np.linalg.eigvalsh(root @ (t + eps * np.eye(D)) @ root.T)
    shared = np.sqrt(np.maximum(inner, 0)).sum()
    return np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s) + np.trace(t) - 2 * shared


def draw(seed, n, d):
    return np.random.default_rng(seed).normal(0, 30, (n, d))


def test_one_feature_is_the_distance_of_means_and_of_deviations():
    a, b = np.array([[0.0], [2.0]]), np.array([[3.0], [11.0]])  # means 1 and 7
    expected = (7 - 1) ** 2 + (np.std(b, ddof=1) - np.std(a, ddof=1)) ** 2
    assert frechet(a, b, eps=1e-12).distance == pytest.approx(expected)


@pytest.mark.parametrize(("m", "n", "d"), [(4, 9, 50), (30, 40, 20), (6, 6, 12), (2, 2, 600)])
def test_the_joint_span_gives_what_the_whole_matrices_give(m, n, d):
    a, b = draw(0, m, d), draw(1, n, d) * 1.3 + 4
    assert frechet(a, b).distance == pytest.approx(naive(a, b), rel=1e-7)


@pytest.mark.parametrize(("n", "d"), [(5, 40), (60, 8)])
def test_a_set_is_about_minus_two_eps_a_dimension_from_itself(n, d):
    a = draw(0, n, d)
    assert frechet(a, a).distance == pytest.approx(-2 * EPS * d, abs=1e-8)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999), n=st.integers(2, 12), d=st.integers(1, 30))
def test_neither_order_of_clips_nor_of_sets_matters(seed, n, d):
    a, b = draw(seed, n, d), draw(seed + 1000, 7, d) + 2
    expected = pytest.approx(frechet(a, b).distance, rel=1e-9, abs=1e-9)
    shuffled = np.random.default_rng(seed).permutation(a)
    assert frechet(shuffled, b).distance == expected
    assert frechet(b, a).distance == expected


def test_identical_clips_have_no_spread():
    a = np.ones((3, 4))
    assert frechet(a, a + 2).distance == pytest.approx(16, rel=1e-4)


def test_wrong_sets_say_what_is_wrong():
    a = draw(0, 3, 4)
    with pytest.raises(UserError, match="at least 2 clips"):
        frechet(a, a[:1])
    with pytest.raises(UserError, match="at least 1 feature"):
        frechet(a[:, :0], a[:, :0])
    with pytest.raises(UserError, match="same features, got 4 and 3"):
        frechet(a, a[:, :3])
    with pytest.raises(UserError, match="finite"):
        frechet(a, np.where(a == a[0, 0], np.nan, a))
