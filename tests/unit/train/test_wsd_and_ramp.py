"""The schedule with a stable part, and a batch that grows."""

import pytest
from regression_plan import optim

from kinecast.core.errors import UserError
from kinecast.train.schedule import batch_size, learning_rate


def test_wsd_is_stable_until_the_last_tenth():
    o = optim(lr=2.0, steps=1000, warmup=100, floor=0.1, schedule="wsd")
    rates = [learning_rate(o, step) for step in range(1000)]
    assert rates[0] == pytest.approx(2.0 / 101)
    assert set(rates[100:901]) == {2.0}
    assert rates[950] == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert rates[-1] == pytest.approx(0.2, rel=0.1)


def test_a_batch_doubles_in_equal_parts():
    o = optim(steps=9, batch=256, first_batch=64)
    assert [batch_size(o, step) for step in range(9)] == [64] * 3 + [128] * 3 + [256] * 3
    assert {batch_size(optim(steps=9, batch=7), step) for step in range(9)} == {7}


@pytest.mark.parametrize("first", [48, 512, 0])
def test_a_batch_that_is_no_doubling_is_refused(first):
    with pytest.raises(UserError, match=r"times 1, 2, 4"):
        batch_size(optim(steps=9, batch=256, first_batch=first), 0)
