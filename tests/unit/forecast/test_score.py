"""The score of a forecast: the model and every baseline, from the same history."""

import json

import numpy as np
import pytest
from straight_system import FRAMES, Straight, grid_tracks

from kinecast.cli.score_table import jsonable, print_scores
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.forecast.baselines import OPPONENTS, baselines
from kinecast.forecast.forecaster import Forecaster
from kinecast.forecast.score import score


@pytest.fixture
def clip():
    return grid_tracks(2 * FRAMES).split(FRAMES)


def test_a_model_that_goes_straight_on_scores_as_the_straight_baselines(clip):
    past, truth = clip
    forecast = Forecaster(Straight(spread=0.0), "straight").forecast(past, k=2)
    scores = score(forecast, truth)
    assert set(scores["baselines"]) == set(baselines())
    straight = scores["baselines"]["constant_velocity"]
    assert scores["model"]["mean_ade"] == pytest.approx(straight["ade"], abs=1e-3)
    assert scores["model"]["mean_ade"] < scores["baselines"]["constant_position"]["ade"]


def test_the_opponent_is_that_of_the_kind_of_data(clip):
    past, truth = clip
    forecast = Forecaster(Straight(), "straight").forecast(past, k=1)
    for kind, name in OPPONENTS.items():
        assert score(forecast, truth, kind)["opponent"] == name


def test_a_truth_shorter_than_the_horizon_scores_what_is_there(clip):
    past, truth = clip
    forecast = Forecaster(Straight(), "straight").forecast(past, k=3, horizon=4 * FRAMES)
    short = Forecaster(Straight(), "straight").forecast(past, k=3)
    for key in ("mean_ade", "best_ade", "mean_fde"):
        assert score(forecast, truth)["model"][key] == score(short, truth)["model"][key]


def test_json_holds_null_where_no_point_moves(clip):
    past, _ = clip
    still = grid_tracks(FRAMES, velocity=(0.0, 0.0))
    forecast = Forecaster(Straight(), "straight").forecast(past, k=1)
    forecast = Forecast(forecast.futures, forecast.visible_prob, still)
    scores = jsonable(score(forecast, still))
    assert scores["model"]["moving"]["mean_ade"] is None
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_the_table_shows_ratios_to_the_opponent(clip, capsys):
    past, truth = clip
    forecast = Forecaster(Straight(), "straight").forecast(past, k=4)
    print_scores(score(forecast, truth), 4)
    lines = capsys.readouterr().out.splitlines()
    (opponent,) = [line for line in lines if line.split()[:2] == [OPPONENTS["real"], "*"]]
    assert "×1.00" in opponent
    assert any("model, best of 4" in line for line in lines)
    assert sum(name in " ".join(lines) for name in baselines()) == len(baselines())


def test_a_forecast_checks_its_shapes(clip):
    past, _ = clip
    forecast = Forecaster(Straight(), "straight").forecast(past, k=2)
    with pytest.raises(UserError, match="at least one future"):
        Forecast((), forecast.visible_prob, past)
    with pytest.raises(UserError, match="visible_prob"):
        Forecast(forecast.futures, forecast.visible_prob[:1], past)
    futures = (forecast[0], forecast[1].window(0, 3))
    with pytest.raises(UserError, match="expected futures of 6 frames"):
        Forecast(futures, forecast.visible_prob, past)
    assert forecast[0:1] == (forecast[0],)
    assert np.array_equal(forecast.mean().xy.shape, forecast[0].xy.shape)
