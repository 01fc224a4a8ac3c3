"""A case says what is wrong with it, and knows its points."""

import numpy as np
import pytest
from bench_cases import GRID, SIZE, case, gliding

from kinecast.bench.case import Case
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video


def test_a_case_alone_is_its_own_scene():
    one = case()
    assert (one.scene, one.size, one.horizon, one.truth) == ("glide", SIZE, 8, one.truths[0])


def test_points_are_where_they_were_last_seen():
    one = case(hidden=(3,))
    assert np.array_equal(one.points()[3], GRID.points().reshape(-1, 2)[3])
    assert np.array_equal(one.points()[4], one.history.xy[-1, 4])


def test_a_poke_is_of_the_nearest_point():
    start = case().points()[[17, 2]] + np.float32([1, -2])
    one = case(pokes=Pokes(start, start + 5, np.ones(2, np.float32)))
    assert one.poked.tolist() == [17, 2]


def _frame(w, h):
    return Frame(np.zeros((h, w, 3), np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frame": _frame(64, 96)}, "expected a frame of"),
        ({"objects": np.zeros(3, np.int64)}, "expected objects"),
        ({"pokes": Pokes.of((1, 1, 2, 2)), "poked": np.array([96])}, "expected a point of 96"),
        ({"poked": np.array([0])}, "each of 0 pokes"),
        ({"video": Video(ArraySource(np.zeros((5, 64, 96, 3), np.uint8)))}, "video of 14 frames"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        case(**options)


def test_futures_of_other_points_or_lengths_are_refused():
    history, truth = gliding(14).split(6)
    with pytest.raises(UserError, match="at least one future"):
        Case("a", "g", history, ())
    with pytest.raises(UserError, match="futures of one length"):
        Case("a", "g", history, (truth, truth.window(0, 3)))
    with pytest.raises(UserError, match="futures of 96 points"):
        Case("a", "g", history, (truth.resized((48, 32)),))
