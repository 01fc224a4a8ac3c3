"""Wilson intervals of success rates, against values that are in tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.metrics.success_rate import success_rate


def episodes(successes, of):
    return np.arange(of) < successes


@pytest.mark.parametrize(
    ("successes", "of", "low", "high"),
    [(0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634), (1, 1, 0.2065, 1),
     (90, 100, 0.8256, 0.9448)],
)  # fmt: skip
def test_the_interval_of_wilson(successes, of, low, high):
    found = success_rate(episodes(successes, of))
    assert found.share == successes / of
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


@given(of=st.integers(1, 300), part=st.floats(0, 1), seed=st.integers(0, 99))
def test_it_holds_the_share_stays_a_share_and_narrows(of, part, seed):
    successes = round(part * of)
    found = success_rate(episodes(successes, of))
    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.low < found.high
    mixed = np.random.default_rng(seed).permutation(episodes(successes, of))
    assert success_rate(mixed) == found
    more = success_rate(episodes(4 * successes, 4 * of))
    assert more.high - more.low < found.high - found.low
    assert success_rate(mixed, 0.5).low >= found.low
    failed = success_rate(~mixed)
    assert (failed.low, failed.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_what_is_no_episode_is_refused():
    for wrong in (np.zeros(0, bool), np.zeros((2, 2), bool), np.array([0.5, 1.0])):
        with pytest.raises(UserError, match="one true or false an episode"):
            success_rate(wrong)
    with pytest.raises(UserError, match="level between 0 and 1, got 1"):
        success_rate(np.ones(3, bool), 1)
