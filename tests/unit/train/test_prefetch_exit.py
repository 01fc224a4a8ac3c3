"""How a batch that is being made ends with its run."""

import subprocess
import sys
import textwrap
import threading
import time
import weakref

import pytest
from regression_plan import batch_of

from kinecast.train import prefetch
from kinecast.train.prefetch import Prefetch

SCRIPT = textwrap.dedent("""
    import sys, time
    import torch
    from kinecast.train.prefetch import Prefetch
    torch.set_num_threads(1)
    def slow(step):
        x = torch.randn(300, 300)
        begun = time.monotonic()
        while time.monotonic() - begun < 120:
            x = (x @ x).tanh()[:].clone()
        return x
    with Prefetch(slow, stop=3) as batches:
        assert batches.take(0, given_up=lambda: True) is None
    sys.exit(143)
""")


def test_a_process_ends_in_the_middle_of_a_batch_with_its_own_status():
    begun = time.monotonic()
    process = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (143, "")
    assert time.monotonic() - begun < 60


def test_a_batch_that_comes_just_when_it_is_looked_for_is_taken(monkeypatch):
    monkeypatch.setattr(prefetch, "POLL", 0)
    batch, interval = batch_of(0), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Prefetch(lambda step: batch, stop=1000) as batches:
            for step in range(1000):
                assert batches.take(step) is batch
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_no_thread_is_left(taken):
    before = set(threading.enumerate())
    with Prefetch(batch_of, stop=3) as batches:
        for step in range(taken):
            batches.take(step)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
    assert set(threading.enumerate()) <= before


def test_a_batch_that_was_taken_is_not_kept():
    with Prefetch(batch_of, stop=2) as batches:
        first = batches.take(0)
        gone = weakref.ref(first)
        del first
        batches.take(1)
        assert gone() is None
