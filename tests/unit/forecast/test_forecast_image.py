"""Forecasts from an image: points, pokes, text, guidance, encoders and frame sizes."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from image_systems import FRAMES, OWN_GRID, OWN_SIZE, Drift, Pull
from straight_system import Straight, grid_tracks

from kinecast.core import coords
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.forecast.forecaster import Forecaster

SIZE = (96, 40)  # another shape than the model's own frame
DARK = np.zeros((40, 96, 3), np.uint8)


class Colours:
    """Encoders that tell the mean red and green of an image, and the length of a text."""

    def __init__(self):
        self.seen = []

    def image(self, features, images):
        self.seen += [image.shape for image in images]
        colour = [torch.from_numpy(image).float().mean((0, 1)) / 1000 for image in images]
        return torch.stack(colour)[:, None, :2].expand(-1, 7, -1)

    def text(self, features, text):
        return torch.full((1, 1, 2), len(text) / 100)


def drift(**options):
    return Forecaster(Drift(**options), "drift", encoders=Colours())


def pull(**options):
    return Forecaster(Pull(**options), "pull")


def positions(forecast):
    return np.stack([future.xy for future in forecast])


def test_a_forecast_from_an_image_starts_where_the_points_are():
    forecast = pull().forecast(image=Frame(DARK, fps=12.0), points=Grid.over(SIZE, 8.0), k=2)
    (start,) = forecast.history.xy
    np.testing.assert_array_equal(start, Grid.over(SIZE, 8.0).points().reshape(-1, 2))
    assert forecast.history.visible.all()
    assert (forecast.history.query_frame == 0).all()
    assert positions(forecast).shape == (2, FRAMES - 1, len(start), 2)
    np.testing.assert_allclose(positions(forecast)[0, 0], start, atol=1e-4)
    assert (forecast[0].fps, forecast[0].size, forecast[0].grid) == (
        12.0, SIZE, forecast.history.grid,
    )  # fmt: skip
    assert forecast[0].source["visibility"] == "inside the frame"
    assert np.array_equal(forecast[0].visible, forecast[0].inside())


def test_by_default_there_are_about_390_points():
    assert pull().forecast(image=DARK, k=1).history.grid == Grid.over(SIZE)


def test_pokes_are_pixels_of_the_frame():
    poked = pull().forecast(image=DARK, pokes=Pokes.of((10, 5, 34, 15)), k=1)
    moved = poked[0].xy - poked.history.xy
    np.testing.assert_allclose(moved[-1], np.broadcast_to([24, 10], moved[-1].shape), atol=1e-3)
    np.testing.assert_allclose(moved[0], moved[-1] / (FRAMES - 1), atol=1e-3)
    half = pull().forecast(image=DARK, pokes=Pokes.of((10, 5, 22, 10, 0.5)), k=1)
    np.testing.assert_allclose(positions(half), positions(poked), atol=1e-3)
    assert poked[0].source["pokes"] == [[10, 5, 34, 15, 1]]
    none = pull().forecast(image=DARK, pokes=Pokes.of(), k=1)
    assert np.array_equal(positions(none), positions(pull().forecast(image=DARK, k=1)))


@given(scale=st.floats(1, 4))
@settings(max_examples=15, deadline=None)
def test_guidance_strengthens_what_steers(scale):
    system = Pull()
    forecaster, pokes = Forecaster(system, "pull"), Pokes.of((10, 5, 18, 9))
    forecast = forecaster.forecast(image=DARK, pokes=pokes, guidance=scale, k=1)
    moved = forecast[0].xy[-1] - forecast.history.xy[0]
    np.testing.assert_allclose(moved.mean(0), [8 * scale, 4 * scale], atol=1e-3)
    assert system.evaluations == 4 * (1 if scale == 1 else 2)
    assert forecast[0].source.get("guidance", 1.0) == scale


def test_scattered_points_are_those_of_a_grid():
    grid = Grid.over(SIZE, 16.0)
    scattered = grid.points().reshape(-1, 2)[::-1].copy()
    options = {"image": DARK, "k": 2, "pokes": Pokes.of((10, 5, 34, 15))}
    of_grid = pull(spread=0.1).forecast(points=grid, **options)
    of_points = pull(spread=0.1).forecast(points=scattered, **options)
    assert of_points.history.grid is None
    np.testing.assert_allclose(positions(of_points)[:, :, ::-1], positions(of_grid), atol=1e-4)


def test_a_grid_of_its_own_is_stretched_over_the_frame():
    forecast = drift(spread=0.0).forecast(image=DARK, k=1)
    expected = coords.resize(OWN_GRID.points().reshape(-1, 2), OWN_SIZE, SIZE)
    np.testing.assert_allclose(forecast.history.xy[0], expected, atol=1e-4)
    np.testing.assert_allclose(
        forecast[0].xy, np.broadcast_to(expected, forecast[0].xy.shape), atol=1e-3
    )
    assert forecast.history.grid is None  # one stride cannot say it
    double = drift().forecast(image=np.zeros((64, 96, 3), np.uint8), k=1)
    assert double.history.grid == Grid(4, 6, stride=16.0, origin=(8.0, 8.0))


def test_the_encoder_sees_the_image_once_at_the_size_of_the_model():
    encoders = Colours()
    forecaster = Forecaster(Drift(spread=0.0), "drift", encoders=encoders)
    red = np.zeros((40, 96, 3), np.uint8)
    red[..., 0] = 100
    forecast = forecaster.forecast(image=red, k=4, chunk=1)
    assert encoders.seen == [(32, 48, 3)]
    moved = forecast[2].xy[-1] - forecast.history.xy[0]
    np.testing.assert_allclose(moved[:, 0], 0.1 * (FRAMES - 1) * 96 / 2, atol=1e-3)
    np.testing.assert_allclose(moved[:, 1], 0, atol=1e-3)


def test_a_text_steers():
    one = drift(spread=0.0, text=True).forecast(image=DARK, text="12345", k=1)
    moved = one[0].xy[0] - one.history.xy[0]
    np.testing.assert_allclose(
        moved, np.broadcast_to([0.05 * 48, 0.05 * 20], moved.shape), atol=1e-3
    )
    assert one[0].source["text"] == "12345"


def test_views_share_one_future_and_the_points_are_on_one_of_them():
    light = np.full_like(DARK, 51)
    model = pull(views=2)
    first, second = (model.forecast(image=[DARK, light], view=view, k=1) for view in (0, 1))
    still, moved = (f[0].xy[-1] - f.history.xy[0] for f in (first, second))
    assert np.abs(still).max() < 1e-3
    np.testing.assert_allclose(moved.mean(0), [0.2 * 48, 0.2 * 20], atol=1e-3)


def test_the_step_of_the_episode_is_told_where_it_is_asked_for():
    model = pull(episode=True)
    early, late = (model.forecast(image=DARK, k=1, episode_step=step) for step in (None, 2))
    moved = late[0].xy[-1] - early[0].xy[-1]
    np.testing.assert_allclose(moved.mean(0), SIZE, atol=1e-3)


@settings(max_examples=10, deadline=None)
@given(chunk=st.integers(1, 6), seed=st.integers(0, 99))
def test_a_sample_from_an_image_does_not_depend_on_its_batch(chunk, seed):
    for model in (pull(spread=0.3), drift()):
        whole = model.forecast(image=DARK, k=6, seed=seed)
        parts = model.forecast(image=DARK, k=6, seed=seed, chunk=chunk)
        alone = model.forecast(image=DARK, samples=[4], seed=seed)
        assert np.abs(positions(whole) - positions(parts)).max() < 1e-3
        assert np.abs(whole[4].xy - alone[0].xy).max() < 1e-3
        assert np.abs(np.diff(positions(whole), axis=0)).max() > 0.1


def test_the_published_steps_are_the_default_and_a_horizon_cuts_the_window():
    forecast = drift().forecast(image=DARK, k=1, horizon=2)
    assert forecast[0].source["steps"] == 3
    assert len(forecast[0]) == 2
    whole = drift().forecast(image=DARK, k=1)
    assert np.array_equal(whole[0].xy[:2], forecast[0].xy)


HISTORY = grid_tracks(4)
POKES = Pokes.of((1, 1, 2, 2))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (pull, {"history": HISTORY}, "from an image and 0 to 3 pokes, got a history"),
        (pull, {}, "pull forecasts from .*, got nothing"),
        (pull, {"pokes": POKES}, "pull forecasts from .*, got pokes"),
        (pull, {"image": DARK, "text": "x"}, "got an image and a text"),
        (pull, {"image": DARK, "history": HISTORY}, "got a history and an image"),
        (drift, {"image": DARK, "pokes": POKES}, "drift forecasts from an image, got an image and"),
        (drift, {"image": DARK, "points": OWN_GRID}, "its own grid of 4x6 points"),
        (drift, {"image": DARK, "guidance": 2.0}, "drift takes no guidance"),
        (pull, {"image": DARK, "guidance": 0.5}, "guidance of at least 1"),
        (pull, {"image": DARK, "guidance": float("nan")}, "guidance of at least 1"),
        (pull, {"image": DARK, "pokes": Pokes.of(*[(1, 1, 2, 2)] * 4)}, "at most 3 pokes, got 4"),
        (pull, {"image": DARK, "pokes": Pokes.of((96, 1, 2, 2))}, "start inside the 96x40 frame"),
        (pull, {"image": DARK, "pokes": Pokes.of((1, -1, 2, 2))}, "start inside .* from 1,-1 to"),
        (pull, {"image": DARK, "pokes": Pokes.of((1, 1, 900, 2))}, "end near the 96x40 frame"),
        (pull, {"image": DARK, "points": np.float32([[1, 41]])}, "1 outside"),
        (pull, {"image": DARK, "points": np.zeros((0, 2), np.float32)}, r"points \(N, 2\)"),
        (pull, {"image": DARK, "points": Grid(2, 2, 99.0, (1.0, 1.0))}, "3 outside"),
        (pull, {"image": DARK, "horizon": FRAMES}, "horizon of at most 4 frames"),
        (pull, {"image": DARK, "view": 1}, "view from 0 to 0"),
        (pull, {"image": DARK, "episode_step": 3}, "episode step"),
        (pull, {"image": [DARK, DARK]}, "got 2 of 96x40, 96x40"),
    ],
)  # fmt: skip
def test_a_wrong_request_says_what_the_model_takes(make, options, message):
    with pytest.raises(UserError, match=message):
        make().forecast(**options)


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({"pokes": (2, 2)}, "an image and 2 pokes, got an image"),
        ({"views": 2}, "2 images of one moment and 0 to 3 pokes, all of one size, got 1 of 96x40"),
    ],
)
def test_what_is_lacking_is_an_error(options, needs):
    with pytest.raises(UserError, match=re.escape(f"model pull forecasts from {needs}")):
        pull(**options).forecast(image=DARK)
    with pytest.raises(UserError, match=r"drift forecasts from an image and a text, got an image$"):
        drift(text=True).forecast(image=DARK)
    with pytest.raises(UserError, match="exactly 2 pokes, got 1"):
        pull(pokes=(2, 2)).forecast(image=DARK, pokes=POKES)


def test_a_model_of_histories_takes_no_image():
    straight = Forecaster(Straight(), "straight")
    with pytest.raises(
        UserError, match=r"straight forecasts from a history of tracks, got an image"
    ):
        straight.forecast(image=DARK)
    with pytest.raises(UserError, match="got a history and pokes"):
        straight.forecast(HISTORY, pokes=POKES)
    with pytest.raises(UserError, match="those of the history"):
        straight.forecast(HISTORY, points=HISTORY.grid)
    with pytest.raises(UserError, match="no guidance"):
        straight.forecast(HISTORY, guidance=3.0)
