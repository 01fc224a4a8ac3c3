"""The trivial opponents: exact where their assumption holds, whatever is hidden."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from straight_system import SIZE, grid_tracks

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast import baselines as module
from kinecast.forecast.baselines import OPPONENTS, baselines, forecast

NAMES = list(baselines())


def straight(frames=24, seed=0):
    """20 points on straight lines; a third of the frames hidden, three visible at least."""
    rng = np.random.default_rng(seed)
    start, step = rng.uniform(10, 30, (20, 2)), rng.uniform(-0.5, 0.5, (20, 2))
    xy = (start + np.arange(2 * frames)[:, None, None] * step).astype(np.float32)
    visible = rng.random(xy.shape[:2]) < 0.67
    visible[:3] = True
    return Tracks(xy=xy, visible=visible, size=SIZE).split(frames)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith(("linear", "constant_vel"))])
def test_linear_fits_are_exact_on_straight_lines_with_holes(name):
    past, truth = straight()
    np.testing.assert_allclose(forecast(name, past, len(truth)).xy, truth.xy, atol=2e-3)


@pytest.mark.parametrize("name", ["kalman_0.1", "kalman_1"])
def test_a_kalman_filter_converges_on_straight_lines(name):
    past, truth = straight(frames=48)
    np.testing.assert_allclose(forecast(name, past, len(truth)).xy, truth.xy, atol=0.05)


def test_a_kalman_filter_is_steadier_than_the_last_difference_under_noise():
    past, truth = straight(frames=48)
    noise = np.random.default_rng(1).normal(0, 0.5, past.xy.shape).astype(np.float32)
    noisy = replace(past, xy=past.xy + noise)
    error = {
        name: np.abs(forecast(name, noisy, 12).xy - truth.xy[:12]).mean()
        for name in ("kalman_0.1", "constant_velocity")
    }
    assert error["kalman_0.1"] < 0.5 * error["constant_velocity"]


def test_an_affine_camera_carries_every_point_and_a_few_movers_do_not_disturb_it():
    rng = np.random.default_rng(2)
    start = rng.uniform(0, 60, (40, 2))
    turn = np.array([[1.01, -0.004], [0.004, 1.01]])
    frames = [start]
    for _ in range(15):
        frames.append(frames[-1] @ turn.T + [0.3, -0.2])
    xy = np.stack(frames)
    xy[:, :4] += np.arange(16)[:, None, None] * np.array([4.0, -3.0])  # they go their own way
    visible = np.ones(xy.shape[:2], bool)
    visible[8:10, 20:] = False  # hidden for two frames before the present
    past, truth = Tracks(xy.astype(np.float32), visible, SIZE).split(10)
    future = module.affine(past, 6, window=2, damping=1.0)
    assert np.abs(future.xy[:, 4:] - truth.xy[:, 4:]).max() < 0.1
    assert np.abs(future.xy[:, :4] - truth.xy[:, :4]).max() > 10


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45])
@pytest.mark.parametrize("together", [True, False])
def test_the_affine_camera_follows_a_pan_whatever_nearly_half_of_the_points_do(share, together):
    rng = np.random.default_rng(3)
    start, velocity = rng.uniform((0, 0), (160, 96), (80, 2)), np.tile([1.5, -0.7], (80, 1))
    movers = int(share * 80)
    velocity[:movers] = (-4, 3) if together else rng.normal(0, 6, (movers, 2))
    xy = start + np.arange(16)[:, None, None] * velocity
    tracks = Tracks(xy.astype(np.float32), np.ones(xy.shape[:2], bool), (160, 96))
    past, truth = tracks.split(8)
    future = module.affine(past, 8, window=4, damping=1.0)
    np.testing.assert_allclose(future.xy[:, movers:], truth.xy[:, movers:], atol=0.05)


def test_under_a_pan_the_affine_camera_also_carries_a_point_that_was_seen_once():
    past = grid_tracks(8, velocity=(1.0, -0.5))
    visible = past.visible & (np.arange(past.count) != 3)
    visible[-1, 3] = True
    future = module.affine(replace(past, visible=visible), 6, window=4, damping=1.0)
    expected = past.xy[-1] + np.arange(1, 7)[:, None, None] * np.array([1.0, -0.5])
    np.testing.assert_allclose(future.xy, expected, atol=1e-3)
    alone = forecast("linear_4", replace(past, visible=visible), 6)
    assert np.ptp(alone.xy[:, 3], axis=0).max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_one_frame_shows_no_motion_and_everything_stays(name):
    past = grid_tracks(1)
    visible = past.visible.copy()
    visible[0, ::3] = False
    image = replace(past, visible=visible)
    future = forecast(name, image, 5)
    assert np.array_equal(future.xy, np.repeat(past.xy, 5, axis=0))
    assert np.array_equal(future.visible, np.repeat(visible, 5, axis=0))


@pytest.mark.parametrize("name", NAMES)
def test_what_stands_still_stays_to_the_bit(name):
    past = grid_tracks(12, velocity=(0.0, 0.0))
    assert np.array_equal(forecast(name, past, 9).xy, np.repeat(past.xy[:1], 9, axis=0))


@settings(max_examples=25)
@given(
    count=st.integers(2, 20),
    window=st.sampled_from(module.WINDOWS),
    seed=st.integers(0, 2**16),
)
def test_the_velocity_is_that_of_numpys_line(count, window, seed):
    """Through the last frames in which the point was seen, whichever were hidden."""
    rng = np.random.default_rng(seed)
    visible = np.zeros((24, 1), bool)
    visible[rng.choice(24, count, replace=False)] = True
    xy = rng.uniform(0, 48, (24, 1, 2)).astype(np.float32)
    frames = np.flatnonzero(visible[:, 0])[-window:]
    expected = np.polyfit(frames, xy[frames, 0].astype(np.float64), 1)[0]
    found = module.velocities(Tracks(xy, visible, SIZE), window)[0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_kalman_filter_predicts_through_hidden_frames():
    past, truth = straight(frames=48)
    visible = past.visible.copy()
    visible[-10:] = False
    future = forecast("kalman_0.1", replace(past, visible=visible), 6)
    np.testing.assert_allclose(future.xy, truth.xy[:6], atol=0.1)


def test_a_kalman_filter_trusts_its_measurements_less_the_steadier_the_motion():
    past = grid_tracks(16, velocity=(1.0, 0.0))
    jump = past.xy.copy()
    jump[-1] += (6.0, 0.0)
    moved = {
        name: forecast(name, replace(past, xy=jump), 1).xy[0, 0, 0] - jump[-1, 0, 0]
        for name in ("kalman_0.1", "kalman_1", "constant_velocity")
    }
    assert moved["kalman_0.1"] < moved["kalman_1"] < moved["constant_velocity"]


def test_damping_is_a_geometric_sum():
    past = grid_tracks(8, velocity=(1.0, -2.0))
    future = forecast("damped_4_0.9", past, 5)
    travelled = np.cumsum(0.9 ** np.arange(1, 6))[:, None, None]
    expected = past.xy[-1] + travelled * np.array([1.0, -2.0])
    np.testing.assert_allclose(future.xy, expected, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_every_point_gets_a_finite_forecast_from_its_visible_frames_alone(name):
    past, _ = straight()
    visible = past.visible.copy()
    visible[:, 0] = False  # never seen
    visible[1:, 1] = False  # seen once
    visible[12:, 2] = False  # hidden at the end
    clean, wild = replace(past, visible=visible), past.xy.copy()
    wild[~visible] = np.nan
    future = forecast(name, replace(clean, xy=wild), 7)
    assert future.xy.shape == (7, past.count, 2)
    assert np.isfinite(future.xy).all()
    assert np.array_equal(future.xy, forecast(name, clean, 7).xy)
    assert not future.visible[:, 0].any()
    if not name.startswith("affine"):  # there the others' motion is its motion
        assert np.ptp(future.xy[:, 1], axis=0).max() == 0  # one position is no velocity


@pytest.mark.parametrize("name", NAMES)
def test_mirroring_the_history_mirrors_the_forecast(name):
    past, _ = straight()
    mirrored = replace(past, xy=(np.array(SIZE) - past.xy).astype(np.float32))
    expected = np.array(SIZE) - forecast(name, past, 6).xy
    np.testing.assert_allclose(forecast(name, mirrored, 6).xy, expected, atol=1e-3)


def test_a_hidden_end_is_bridged_at_the_last_velocity():
    past, truth = straight()
    visible = past.visible.copy()
    visible[-6:] = False
    hidden = replace(past, visible=visible)
    np.testing.assert_allclose(forecast("linear_16", hidden, 4).xy, truth.xy[:4], atol=2e-3)


def test_visible_is_inside_the_frame():
    future = forecast("constant_velocity", grid_tracks(4, velocity=(9.0, 0.0)), 20)
    assert np.array_equal(future.visible, future.inside())
    assert not future.visible[-1].all()


def test_the_opponents_are_baselines_and_wrong_requests_say_so():
    assert set(OPPONENTS) == {"real", "synthetic"}
    assert set(OPPONENTS.values()) <= set(NAMES)
    past, _ = straight()
    with pytest.raises(UserError, match="expected a baseline of"):
        forecast("spline", past, 4)
    with pytest.raises(UserError, match="at least 1 frame"):
        forecast("linear_4", past, 0)


def test_windows_and_dampings_are_the_whole_grid():
    damped = {name for name in NAMES if name.startswith("damped")}
    assert len(damped) == len(module.WINDOWS) * len(module.DAMPINGS) == 20
