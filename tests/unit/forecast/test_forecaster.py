"""What the forecaster does around a system: windows, noise, batches, rolling, visibility."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from straight_system import FRAMES, SIZE, Straight, grid_tracks

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.forecast.forecaster import Forecaster


@pytest.fixture
def straight():
    return Forecaster(Straight(), "straight")


@pytest.fixture
def history():
    return grid_tracks(FRAMES)


def positions(forecast):
    return np.stack([future.xy for future in forecast])


def test_a_forecast_has_the_shapes_and_values_of_its_history(straight, history):
    forecast = straight.forecast(history, k=3)
    assert len(forecast) == 3
    for future in forecast:
        assert future.xy.shape == (FRAMES, history.count, 2)
        assert (future.size, future.grid, future.fps) == (SIZE, history.grid, 24.0)
        assert (future.query_frame == -1).all()
    assert forecast.visible_prob.shape == (3, FRAMES, history.count)
    assert forecast.visible_prob.dtype == np.float16
    assert [future.source["sample"] for future in forecast] == [0, 1, 2]
    assert forecast[0].source["visibility"] == "forecast"


def test_without_noise_straight_motion_goes_on_exactly(history):
    still = Forecaster(Straight(spread=0.0), "still")
    future = still.forecast(history, k=1)[0]
    time = np.arange(1, FRAMES + 1)[:, None, None]
    expected = history.xy[-1] + time * np.array([0.5, 0.25])
    np.testing.assert_allclose(future.xy, expected, atol=1e-3)


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(straight, history):
    first, again = straight.forecast(history, seed=5), straight.forecast(history, seed=5)
    assert np.array_equal(positions(first), positions(again))
    assert not np.array_equal(positions(first), positions(straight.forecast(history, seed=6)))


@pytest.mark.parametrize("chunk", [1, 3, 8])
def test_a_sample_does_not_depend_on_its_batch(straight, history, chunk):
    whole = straight.forecast(history, k=8, horizon=2 * FRAMES)
    parts = straight.forecast(history, k=8, horizon=2 * FRAMES, chunk=chunk)
    alone = straight.forecast(history, samples=[3], horizon=2 * FRAMES, chunk=chunk)
    assert np.abs(positions(whole) - positions(parts)).max() < 1e-3
    assert np.abs(whole[3].xy - alone[0].xy).max() < 1e-3
    assert alone[0].source["sample"] == 3


def test_more_history_than_the_window_changes_nothing(straight, history):
    long = grid_tracks(3 * FRAMES)
    wild = long.xy.copy()
    wild[: 2 * FRAMES] += 17
    long = replace(long, xy=wild)
    forecast = straight.forecast(long, k=2)
    assert np.array_equal(positions(forecast), positions(straight.forecast(history, k=2)))


def test_a_short_history_is_padded_with_hidden_frames(history):
    seen = []

    class Spy(Straight):
        def condition(self, batch):
            seen.append(batch)
            return super().condition(batch)

    Forecaster(Spy(), "spy").forecast(history.window(3, FRAMES), k=1)
    (batch,) = seen
    assert batch.xy.shape[1] == FRAMES
    assert not batch.visible[:, :3].any()
    assert batch.visible[:, 3:].any()
    assert torch.equal(batch.xy[:, 0], batch.xy[:, 3])


def test_what_a_tracker_wrote_at_hidden_points_is_never_read(straight, history):
    visible = history.visible.copy()
    visible[2:4, 5] = visible[:, 7] = False
    clean, wild = replace(history, visible=visible), history.xy.copy()
    wild[~visible] = np.nan
    forecast = straight.forecast(replace(clean, xy=wild), k=2)
    assert np.array_equal(positions(forecast), positions(straight.forecast(clean, k=2)))
    assert np.isfinite(positions(forecast)).all()
    assert not forecast[0].visible[:, 7].any()  # never seen: the network says hidden


def test_visible_means_likely_and_inside_the_frame(history):
    fast = grid_tracks(FRAMES, velocity=(6.0, 0.0))
    forecast = Forecaster(Straight(spread=0.0), "fast").forecast(fast, k=1)
    future = forecast[0]
    assert not future.visible.all()
    assert (future.visible <= future.inside()).all()
    prob = forecast.visible_prob[0].astype(np.float32)
    assert (prob[~future.inside()] == 0).all()
    assert np.array_equal(prob > 0.5, future.visible)


def test_a_system_that_says_nothing_of_visibility_shows_what_is_in_the_frame(history):
    class Silent(Straight):
        def decode(self, z, cond):
            return super().decode(z, cond)[0], None

    (future,) = Forecaster(Silent(), "silent").forecast(history, k=1)
    assert np.array_equal(future.visible, future.inside())
    assert future.source["visibility"] == "inside the frame"


def test_a_longer_horizon_rolls_on_from_each_samples_own_end(straight, history):
    horizon = 2 * FRAMES + 3
    forecast = straight.forecast(history, k=4, horizon=horizon)
    xy = positions(forecast)
    assert xy.shape[1] == horizon
    assert np.array_equal(xy[:, :FRAMES], positions(straight.forecast(history, k=4)))
    steps = np.diff(xy, axis=1)
    first, second = steps[:, FRAMES - 2], steps[:, FRAMES + 1]
    spread = np.abs(second - first).mean()
    assert 0.1 < spread < 0.4  # a new draw of std 0.25 around each sample's own velocity
    assert np.isfinite(positions(straight.forecast(history, k=1, horizon=20 * FRAMES))).all()


def test_the_mean_is_of_positions(straight, history):
    forecast = straight.forecast(history, k=5)
    mean = forecast.mean()
    np.testing.assert_allclose(mean.xy, positions(forecast).mean(0), atol=1e-4)
    assert mean.source["sample"] == "mean"


def test_progress_counts_up_to_all_of_the_work(straight, history):
    calls = []
    straight.forecast(
        history, k=4, chunk=2, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (40, 40)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_solvers_agree_on_a_straight_flow(straight, history):
    euler = straight.forecast(history, k=2)
    for solver in ("midpoint", "heun", "dopri5"):
        other = straight.forecast(history, k=2, solver=solver)
        assert np.abs(positions(euler) - positions(other)).max() < 1e-2


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"grid": None}, {}, "laid on a grid"),
        ({}, {"k": 0}, "at least one sample"),
        ({}, {"samples": [-1]}, "at least one sample"),
        ({}, {"horizon": 0}, "horizon of at least 1"),
        ({}, {"steps": 0}, "at least 1 "),
        ({}, {"chunk": 0}, "chunk >= 1"),
        ({}, {"seed": -1}, "seeds >= 0"),
        ({}, {"solver": "eular"}, "solver"),
    ],
)
def test_a_wrong_request_says_what_to_do(straight, history, change, options, message):
    with pytest.raises(UserError, match=message):
        straight.forecast(replace(history, **change), **options)


def test_a_history_that_the_model_does_not_take_is_refused(history):
    with pytest.raises(UserError, match=r"at least 2 frames .* got 1"):
        Forecaster(Straight(), "m").forecast(history.window(5, 6))
    with pytest.raises(UserError, match=r"at least 6 frames .* got 4"):
        Forecaster(Straight(short_history=False), "m").forecast(history.window(2, 6))
    with pytest.raises(UserError, match="takes points on"):
        Forecaster(Straight(grid=Grid.over(SIZE, 16.0)), "m").forecast(history)
    hidden = replace(history, visible=np.zeros_like(history.visible))
    with pytest.raises(UserError, match=r"visible points .* got none"):
        Forecaster(Straight(), "m").forecast(hidden)


def test_a_network_that_forecasts_no_number_is_an_error(history):
    with pytest.raises(UserError, match="not numbers"):
        Forecaster(Straight(spread=float("nan")), "broken").forecast(history)
