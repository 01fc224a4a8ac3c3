import math
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from regression_plan import optim

from kinecast.train.recipes import recipe_of
from kinecast.train.schedule import check_batches, learning_rate


def rates(**changes):
    o = optim(lr=2.0, **changes)
    return [learning_rate(o, step) for step in range(o.steps)]


def test_it_warms_up_to_the_peak_and_falls_to_the_floor():
    lr = rates(steps=1000, warmup=100, floor=0.1)
    assert lr[0] == pytest.approx(2.0 / 101)
    assert lr[100] == max(lr) == 2.0
    assert lr[550] == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert lr[-1] == pytest.approx(0.2, rel=1e-3)
    assert all(a < b for a, b in pairwise(lr[:101]))
    assert all(a > b for a, b in pairwise(lr[100:]))


@given(steps=st.integers(1, 50), warmup=st.integers(0, 1000))
def test_short_runs_reach_the_peak(steps, warmup):
    lr = rates(steps=steps, warmup=warmup)
    assert max(lr) == pytest.approx(2.0)
    assert min(lr) > 0


def test_the_documented_launches_divide_their_batches():
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text().replace("\\\n", "")
    launches = re.findall(r"^(?:torchrun|accelerate launch) .*", page, re.MULTILINE)
    assert len(launches) == 3
    for launch in launches:
        counts = re.findall(r"--(?:nnodes|nproc-per-node|num_processes)=(\d+)", launch)
        (name, size), *_ = re.findall(r"kinecast train (\S+) size=(\S+)", launch)
        check_batches(recipe_of(name, size).stages, math.prod(map(int, counts)))
