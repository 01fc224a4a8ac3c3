import numpy as np
import pytest

from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError


def test_a_frame_knows_its_size():
    assert Frame(np.zeros((3, 5, 3), np.uint8)).size == (5, 3)


@pytest.mark.parametrize(
    "image", [np.zeros((3, 5, 3), np.float32), np.zeros((3, 5, 4), np.uint8),
              np.zeros((3, 5), np.uint8), np.zeros((0, 5, 3), np.uint8)]
)  # fmt: skip
def test_a_frame_is_uint8_rgb(image):
    with pytest.raises((UserError, TypeError)):  # TypeError: the shapes in the types, under pytest
        Frame(image)


def test_pokes_from_numbers():
    pokes = Pokes.of((1, 2, 3, 4), (5, 6, 7, 8, 0.25))
    assert pokes.start.tolist() == [[1, 2], [5, 6]]
    assert pokes.end.tolist() == [[3, 4], [7, 8]]
    assert pokes.time.tolist() == [1.0, 0.25]
    assert (len(pokes), len(Pokes.of())) == (2, 0)


@pytest.mark.parametrize(
    ("poke", "message"),
    [
        ((1, 2, 3), "expected a poke"),
        ((1, 2, 3, 4, 1.5), "times of pokes from 0 .* to 1"),
        ((1, 2, 3, 4, -0.1), "times of pokes"),
        ((float("nan"), 2, 3, 4), "finite numbers as start"),
        ((1, 2, 3, float("inf")), "finite numbers as end"),
    ],
)
def test_what_is_no_poke(poke, message):
    with pytest.raises(UserError, match=message):
        Pokes.of(poke)


def test_a_poke_starts_inside_and_may_end_just_outside():
    Pokes.of((0, 0, -95, 79), (95.9, 39.9, 191, -39)).check_inside((96, 40))
    Pokes.of().check_inside((96, 40))
    for poke, words in (
        ((96, 0, 1, 1), "start inside the 96x40 frame, .* from 96,0 to 1,1"),
        ((0, 0, -97, 1), "end near the 96x40 frame, .* to -97,1"),
    ):
        with pytest.raises(UserError, match=words):
            Pokes.of((1, 1, 1, 1), poke).check_inside((96, 40))
