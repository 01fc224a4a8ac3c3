import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.metrics.bootstrap import percentile, resampled_means


def test_interval_of_many_normal_values_is_the_textbook_one():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = percentile(resampled_means(values[:, None], range(400))[:, 0])
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low, high], values.mean() + np.array([-half, half]), atol=0.03)


def test_of_two_values_every_resample_is_one_of_three_means():
    means = resampled_means(np.array([[0.0], [1.0]]), ["a", "b"])[:, 0]
    found, count = np.unique(means, return_counts=True)
    np.testing.assert_array_equal(found, [0.0, 0.5, 1.0])
    np.testing.assert_allclose(count / len(means), [0.25, 0.5, 0.25], atol=0.03)
    assert percentile(means) == (0.0, 1.0)


def test_clips_of_one_scene_stay_together():
    """20 clips of 2 scenes are as uncertain as 2 clips."""
    values = np.repeat([0.0, 1.0], 10)[:, None]
    together = resampled_means(values, np.repeat(["a", "b"], 10).tolist())
    apart = resampled_means(values, range(20))
    assert set(together[:, 0]) == {0.0, 0.5, 1.0}
    assert together.std() > 3 * apart.std()


def test_a_scene_weighs_as_many_clips_as_it_has():
    means = resampled_means(np.array([[0.0], [0.0], [0.0], [4.0]]), ["a", "a", "a", "b"])[:, 0]
    assert set(means.round(6)) == {0.0, 1.0, 4.0}


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.1, 100), shift=st.floats(-100, 100))
def test_intervals_follow_the_unit(scale, shift):
    values = np.random.default_rng(2).normal(size=(12, 1))
    means = resampled_means(values, range(12))
    np.testing.assert_allclose(
        resampled_means(scale * values + shift, range(12)), scale * means + shift, atol=1e-9
    )


def test_columns_are_drawn_together():
    values = np.random.default_rng(3).normal(size=(9, 1))
    means = resampled_means(np.concatenate([values, values + 1], axis=1), range(9))
    np.testing.assert_allclose(means[:, 1] - means[:, 0], 1.0)


@pytest.mark.parametrize(
    ("values", "units", "says"),
    [
        (np.ones((3, 1)), "aaa", "at least 2 units to draw from, got 1"),
        (np.ones((3, 1)), "ab", "one unit a clip"),
        (np.array([[1.0], [np.nan]]), "ab", "finite values"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(values, units, says):
    with pytest.raises(UserError, match=says):
        resampled_means(values, list(units))
