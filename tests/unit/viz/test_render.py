"""Videos and stills of forecasts: what is shown, and when."""

from dataclasses import replace

import numpy as np
import pytest
from moving_dots import GRID, MOVES, SIZE, grey_video, moving

from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.io.image import read_image
from kinecast.io.video import open_video
from kinecast.viz.blank import blank_video
from kinecast.viz.render import render, render_forecast, render_tracks
from kinecast.viz.still import render_still

S, T = 8, 10
HOLD = 12  # frames of the last picture: 0.6 s at 20 fps


def _futures(k=3):
    return [moving(T, start=S, speed=1.5 + 0.4 * i) for i in range(k)]


def _coloured(picture):
    """Where a picture of grey frames has colour: points and tails."""
    return np.ptp(picture.astype(int), axis=-1) > 40


def test_without_truth_there_is_one_panel(tmp_path):
    render_forecast(tmp_path / "f.mp4", grey_video(S), moving(S), _futures(), None, S)
    video = open_video(tmp_path / "f.mp4")
    assert (len(video), video.size, video.fps) == (S + T + HOLD, (416, 250), 20.0)
    observed, forecast = video[S - 1 : S][0], video[S + T - 1 : S + T][0]
    assert observed[240, 10].mean() == pytest.approx(100, abs=4)
    assert forecast[240, 10].mean() < 60  # dimmed


def test_the_truth_runs_beside_the_forecast(tmp_path):
    path = tmp_path / "f.mp4"
    render_forecast(path, grey_video(S + T), moving(S), _futures(), moving(T, start=S), S)
    video = open_video(path)
    assert (len(video), video.size) == (S + T + HOLD, (2 * 416 + 8, 250))
    last = video[S + T - 1 : S + T][0]
    left, right = last[:, :416], last[:, -416:]
    assert left[240, 10].mean() == pytest.approx(100, abs=4)
    assert right[240, 10].mean() < 60


def test_a_wide_video_is_stacked(tmp_path):
    history, futures = moving(S), _futures(1)
    wide = [replace(one, size=(480, 96)) for one in (history, *futures)]
    video = grey_video(S + T, size=(480, 96))
    render_forecast(tmp_path / "f.mp4", video, wide[0], wide[1:], None, S)
    assert open_video(tmp_path / "f.mp4").size == (480, 2 * 96 + 8)


def test_the_video_may_end_within_the_horizon(tmp_path):
    path = tmp_path / "f.mp4"
    render_forecast(path, grey_video(S + 4), moving(S), _futures(), moving(4, start=S), S)
    video = open_video(path)
    assert len(video) == S + T + HOLD
    assert video[S + 3 : S + 4][0][240, 10].mean() == pytest.approx(100, abs=4)
    assert video[S + 5 : S + 6][0][240, 10].mean() < 60


def test_moving_points_stand_out_and_still_ones_are_quiet(tmp_path):
    render_forecast(tmp_path / "f.mp4", grey_video(S), moving(S), _futures(), None, S)
    shown = _coloured(open_video(tmp_path / "f.mp4")[S + T - 1 : S + T][0])
    left, right = shown[40:, :200].sum(), shown[40:, 216:].sum()
    assert right > 8 * max(left, 1)


def test_hidden_points_are_hollow_and_points_that_never_were_seen_do_no_harm(tmp_path):
    history = moving(S)
    xy, visible = history.xy.copy(), history.visible.copy()
    xy[:, 0], visible[:, 0] = np.nan, False
    visible[-1, MOVES] = False
    history = replace(history, xy=xy, visible=visible)
    futures = [replace(one, visible=np.zeros_like(one.visible)) for one in _futures()]
    render_forecast(tmp_path / "f.mp4", grey_video(S), history, futures, None, S)
    render_still(tmp_path / "f.png", grey_video(S), history, futures, S)
    assert len(open_video(tmp_path / "f.mp4")) == S + T + HOLD


def test_a_still_shows_the_fan_of_moving_points(tmp_path):
    render_still(tmp_path / "f.png", grey_video(S), moving(S), _futures(), S)
    image = read_image(tmp_path / "f.png")
    assert image.shape == (250, 416, 3)
    shown = _coloured(image)
    assert shown[:, 220:].sum() > 20 * max(shown[:, :200].sum(), 1)


def test_a_still_draws_no_line_from_where_a_hidden_point_is_only_guessed(tmp_path):
    history = moving(S)
    xy, visible = history.xy.copy(), history.visible.copy()
    xy[-1, MOVES], visible[-1, MOVES] = (8.0, 90.0), False
    render_still(tmp_path / "f.png", grey_video(S), replace(history, xy=xy, visible=visible),
                 _futures(), S)  # fmt: skip
    shown = _coloured(read_image(tmp_path / "f.png"))
    assert shown[:, 220:].any()
    assert not shown[:, 40:200].any()  # between the guess and the futures


def test_the_same_forecast_gives_the_same_pictures(tmp_path):
    for name in "ab":
        render_still(tmp_path / f"{name}.png", grey_video(S), moving(S), _futures(), S)
        render_forecast(tmp_path / f"{name}.mp4", grey_video(S), moving(S), _futures(), None, S)
    for suffix in ("png", "mp4"):
        a, b = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
        assert a == b


def test_render_draws_a_forecast_or_plain_tracks(tmp_path):
    futures = _futures()
    probability = np.ones((3, T, GRID.count), np.float16)
    forecast = Forecast(tuple(futures), probability, moving(S))
    path = render(grey_video(S + T), forecast, tmp_path / "a.mp4")
    assert path == (tmp_path / "a.mp4").absolute()
    assert len(open_video(path)) == S + T + HOLD
    render(grey_video(T), futures, tmp_path / "b.mp4")
    tracks = open_video(tmp_path / "b.mp4")
    assert (len(tracks), tracks.size) == (T, (416, 250))
    assert _coloured(tracks[T - 1 : T][0]).any()


def test_tracks_without_a_video_are_drawn_on_dark_frames(tmp_path):
    blank = blank_video(SIZE, T, 20.0)
    assert (len(blank), blank.size, blank[2:5].shape) == (T, SIZE, (3, 96, 160, 3))
    render_tracks(tmp_path / "a.mp4", blank, [moving(T)])
    assert open_video(tmp_path / "a.mp4")[0:1][0].mean() < 60


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: render_tracks(p, grey_video(T), []), "expected tracks to render, got none"),
        (lambda p: render_tracks(p, grey_video(T - 1), [moving(T)]), "a video of 9 frames"),
        (lambda p: render_tracks(p, grey_video(T), [moving(T)], -1), "from frame -1 on"),
        (
            lambda p: render_tracks(p, grey_video(T, (96, 160)), [moving(T)]),
            r"of \(96, 160\), got \[\(10, \(160, 96\)\)\]; render them on the video they come from",
        ),
        (
            lambda p: render_forecast(p, grey_video(S, (96, 160)), moving(S), _futures(), None, S),
            r"expected a history of size \(96, 160\) like the video, got \(160, 96\)",
        ),
        (
            lambda p: render_forecast(p, grey_video(S), moving(S), _futures(), None, S + 1),
            r"expected at from 8 \(the history's frames\) to 8 \(the video's\), got 9",
        ),
        (
            lambda p: render_forecast(p, grey_video(S), moving(S), _futures(), None, 3),
            "expected at from 8",
        ),
    ],
)
def test_tracks_of_another_video_are_refused(tmp_path, call, message):
    with pytest.raises(UserError, match=message):
        call(tmp_path / "f.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_still_shows_pokes_as_white_arrows(tmp_path):
    pokes = Pokes.of((20.0, 80.0, 60.0, 80.0))
    for name, given in (("with", (pokes,)), ("without", ())):
        render_still(tmp_path / f"{name}.png", grey_video(S), moving(S), _futures(), S, *given)
    shown, plain = (read_image(tmp_path / f"{name}.png") for name in ("with", "without"))
    changed = np.argwhere((shown != plain).any(-1))
    unit = 416 / SIZE[0]
    low, high = changed.min(0), changed.max(0)
    assert low[1] / unit == pytest.approx(20, abs=3)
    assert high[1] / unit == pytest.approx(60, abs=3)
    assert (low[0] + high[0]) / 2 / unit == pytest.approx(80, abs=3)
    assert (shown[changed[:, 0], changed[:, 1]] > 150).all(-1).any()
