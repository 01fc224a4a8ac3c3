import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core import rng
from kinecast.systems.trajloom.kinematic import EXTRAPOLATORS, damped_time, fit_line, fit_lines


def _line(frames: int, points: int, seed: int):
    draw = rng.generator(seed)
    start, velocity = torch.randn(2, 1, points, 2, generator=draw).unbind(0)
    time = torch.arange(1 - frames, 1)[None, :, None, None]
    return start, velocity, start[:, None] + time * velocity[:, None]


@settings(deadline=None, max_examples=20)
@given(frames=st.integers(2, 40), window=st.integers(2, 32), seed=st.integers(0, 99))
def test_a_straight_line_is_found_exactly(frames, window, seed):
    start, velocity, xy = _line(frames, 5, seed)
    position, slope = fit_line(xy, torch.ones(1, frames, 5, dtype=torch.bool), window)
    torch.testing.assert_close(position, start, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(slope, velocity, atol=1e-4, rtol=1e-4)


def test_hidden_frames_do_not_count():
    start, velocity, xy = _line(20, 3, 0)
    visible = torch.ones(1, 20, 3, dtype=torch.bool)
    visible[:, [19, 16, 15]] = False
    xy[:, [19, 16, 15]] = 1e6
    position, slope = fit_line(xy, visible, 8)
    torch.testing.assert_close(position, start, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(slope, velocity, atol=1e-4, rtol=1e-4)


def test_one_visible_frame_has_no_velocity_and_none_keeps_the_guess():
    xy = torch.arange(12.0).view(1, 3, 2, 2)
    visible = torch.tensor([[[False, False], [True, False], [False, False]]])
    position, slope = fit_line(xy, visible, 4)
    assert (slope == 0).all()
    torch.testing.assert_close(position[0, 0], xy[0, 1, 0])
    torch.testing.assert_close(position[0, 1], xy[0, 2, 1])


def test_older_evidence_than_four_windows_is_not_used():
    xy = torch.zeros(1, 30, 1, 2)
    xy[:, :20] = 100.0
    visible = torch.zeros(1, 30, 1, dtype=torch.bool)
    visible[:, :20] = True
    position, _ = fit_line(xy, visible, 2)  # the last 8 frames are hidden
    assert (position == 0).all()


def test_each_extrapolator_gets_its_own_window():
    _, velocity, xy = _line(40, 4, 1)
    visible = torch.ones(1, 40, 4, dtype=torch.bool)
    positions, velocities = fit_lines(xy, visible)
    assert positions.shape == velocities.shape == (1, 4, len(EXTRAPOLATORS), 2)
    assert (velocities[:, :, 0] == 0).all()  # one frame: constant position
    torch.testing.assert_close(velocities[:, :, 3], velocity, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("damping", "expected"), [(1.0, [1, 2, 3]), (0.5, [0.5, 0.75, 0.875])])
def test_damped_time_is_the_geometric_sum(damping, expected):
    torch.testing.assert_close(damped_time(3, [(4, damping)]), torch.tensor([expected]).float())
