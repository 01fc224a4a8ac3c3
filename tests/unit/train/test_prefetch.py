import threading

import pytest
from regression_plan import batch_of

from kinecast.train.prefetch import Prefetch


def test_the_next_batch_is_made_while_this_one_is_used():
    made = {step: threading.Event() for step in range(4)}

    def make(step):
        made[step].set()
        return batch_of(step)

    with Prefetch(make, stop=3) as batches:
        for step in range(3):
            assert batches.take(step).xy.equal(batch_of(step).xy)
            if step < 2:
                assert made[step + 1].wait(timeout=10)
    assert not made[3].is_set()


def test_what_goes_wrong_is_raised_at_its_step():
    def make(step):
        if step == 1:
            raise RuntimeError("no batch")
        return batch_of(step)

    with Prefetch(make, stop=3) as batches:
        batches.take(0)
        with pytest.raises(RuntimeError, match="no batch"):
            batches.take(1)


def test_a_stop_does_not_wait_for_a_slow_batch():
    release = threading.Event()

    def make(step):
        assert release.wait(timeout=60)
        return batch_of(step)

    with Prefetch(make, stop=3) as batches:
        assert batches.take(0, given_up=lambda: True) is None
    release.set()


def test_a_timeout_of_the_maker_is_its_own():
    def make(step):
        raise TimeoutError("the disk is slow")

    with Prefetch(make, stop=3) as batches, pytest.raises(TimeoutError, match="the disk is slow"):
        batches.take(0)
