"""Cuts are found where they are, and nowhere else."""

import numpy as np
import pytest
from raw_videos import SIZE, moving

from kinecast.data.prepare.cuts import cuts, measure, small_size


def found(*shots, window=7):
    frames = np.stack([frame for shot in shots for frame in shot])
    windows = (frames[at : at + window] for at in range(0, len(frames), window))
    return cuts(measure(windows))


def test_hard_cuts_are_found_exactly():
    assert found(moving(0, 12), moving(1, 9), moving(2, 15)) == [12, 21]


def test_one_shot_has_none_however_fast_it_moves():
    assert found(moving(0, 20, step=0.0)) == []
    assert found(moving(0, 12, step=6.0)) == []


def test_windows_do_not_count():
    shots = [list(moving(0, 12)), list(moving(1, 9))]
    assert found(*shots, window=1) == found(*shots, window=21) == [12]


def test_a_cut_to_like_colours_is_found():
    """The same histogram, another picture."""
    mirrored = [frame[::-1, ::-1] for frame in moving(0, 10)]
    assert found(moving(0, 10), mirrored) == [10]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length):
    frames = list(moving(0, 20))
    for t in range(9, 9 + length):
        frames[t] = np.full_like(frames[t], 255)
    assert found(frames) == []


def test_a_change_of_light_is_no_cut():
    frames = [np.clip(f * (0.5 + 0.03 * t), 0, 255) for t, f in enumerate(moving(0, 16))]
    assert found([frame.astype(np.uint8) for frame in frames]) == []


def test_one_frame_has_no_motion():
    motion = measure([np.stack(list(moving(0, 1)))])
    assert (motion.left, motion.fastest, motion.global_) == ([0.0], [0.0], [0.0])


def test_motion_is_measured_in_diagonals():
    frames = np.stack(list(moving(0, 10, step=2.0)))
    expected = 2.0 / np.hypot(*SIZE)
    motion = measure([frames])
    assert np.mean(motion.global_[1:]) == pytest.approx(expected, rel=0.1)
    assert max(measure([frames[:1].repeat(9, 0)]).fastest) < expected / 20


def test_small_pictures_keep_the_shape():
    assert small_size((1920, 1080)) == (160, 90)
    assert small_size((64, 48)) == (64, 48)
    assert min(small_size((4000, 16))) == 16
