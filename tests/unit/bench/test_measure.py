"""Measuring: known numbers on known motion, and a reason where a metric does not apply."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from bench_cases import SQUARE, Shifted, case, gliding

from kinecast.bench.case import Case
from kinecast.bench.facts import case_facts
from kinecast.bench.measure import measure, scored
from kinecast.bench.measures import clocks
from kinecast.core.cond import Frame, Pokes
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import OPPONENTS, baselines
from kinecast.forecast.score import score
from kinecast.metrics.fvmd import Features, distance

PROTOCOL = {"k": 2, "seed": 5}


def numbers(one, *offsets, **options):
    return scored("test", one, Shifted(*offsets, **options).forecast(one, 99, 0), PROTOCOL)


def test_the_truth_scores_best():
    of = numbers(case(), 0.0).scalars
    zero = ("mean_ade", "best_fde", "moving_mean_ade", "min_mse", "energy_score", "crps")
    zero += ("miss_rate", "best_of_k_mse", "velocity_jump", "flow_tv", "divcurl")
    assert {name: of[name] for name in zero} == dict.fromkeys(zero, 0.0)
    one = ("delta_avg", "pck_1", "average_jaccard", "occlusion_accuracy", "visibility_f1")
    assert {name: of[name] for name in one} == dict.fromkeys(one, 1.0)
    assert of["motion"] == pytest.approx(np.hypot(1, 0.5), rel=1e-5)


def test_samples_that_are_off_by_so_much():
    found = numbers(case(), 3.0, -5.0)
    of = found.scalars
    wanted = {
        "mean_ade": 1, "best_ade": 3, "sample_ade": 4, "mean_fde": 1, "best_fde": 3, "min_fde": 3,
        "best_of_k_mse": 4.5, "best_of_k_sqdist": 9, "scene_variance": 16, "pck_4": 1,
        "crps": ((3 + 5) / 2 - 8 / 4) / 2,  # y is exact
        "energy_score": 4 - 8 / 4, "position_jump": (np.hypot(4, 0.5) + np.hypot(4, 0.5)) / 2,
    }  # fmt: skip
    assert {name: of[name] for name in wanted} == pytest.approx(wanted, rel=1e-5)
    assert found.curves["mean_ade"] == pytest.approx(np.ones(8), rel=1e-5)
    assert found.curves["best_ade"] == pytest.approx(np.full(8, 3), rel=1e-5)
    assert found.curves["sample_ade"] == pytest.approx(np.full(8, 4), rel=1e-5)
    assert found.features["coverage_ranks"].sum() == pytest.approx(1)


def test_numbers_are_those_of_kinecast_forecast_score():
    one = case(hidden=(1, 40), velocity=(-1.0, 2.0))
    futures = Shifted(1.0, 4.0).forecast(one, 2, 0)
    probability = np.ones((2, 8, 96), np.float16)
    theirs = score(Forecast(tuple(futures), probability, one.history), one.truth, "synthetic")
    ours = scored("test", one, futures, PROTOCOL).scalars
    for name in ("mean_ade", "best_ade", "sample_ade", "mean_fde", "best_fde"):
        assert ours[name] == theirs["model"][name]
        assert ours[f"moving_{name}"] == theirs["model"]["moving"][name]
    facts = case_facts(one, PROTOCOL)
    opponent = theirs["baselines"][OPPONENTS["synthetic"]]
    assert facts.opponent == OPPONENTS["synthetic"]
    assert facts.scalars["opponent_ade"] == opponent["ade"]
    assert facts.scalars["opponent_moving_fde"] == opponent["moving"]["fde"]


def test_nothing_is_left_out_without_a_reason():
    """Of a rich case every metric is a number or has a reason; of a bare one likewise."""
    still, rich = case(velocity=(0.0, 0.0)), _rich()
    bare = replace(still, history=replace(still.history, grid=None))
    names = [
        {*found.scalars, *found.absent, *found.features}
        for found in (numbers(one, 0.0, 1.0) for one in (rich, still, bare))
    ]
    assert names[0] == names[1] == names[2]
    found = numbers(rich, 0.0, 1.0)
    assert set(found.absent) == {
        "visibility_ap", "hidden_ap", "visibility_calibration_error", "visibility_brier",
        "visibility_calibration", "velocity_jump",
    }  # fmt: skip
    assert all(np.isfinite(value) for value in found.scalars.values())


@pytest.mark.parametrize(
    ("options", "name", "why"),
    [
        ({"velocity": (0.0, 0.0)}, "moving_mean_ade", "expected points that move"),
        ({"velocity": (0.0, 0.0)}, "flow_tv_of_motion", "expected points that move"),
        ({}, "poke_epe", "expected pokes"),
        ({}, "lrtl", "expected the object that each point lies on"),
        ({}, "fvmd_scene", "expected several true futures of one first frame"),
        ({"grid": SQUARE}, "fvmd_scenes", "expected several true futures of one first frame"),
        ({"future": 3}, "fvmd", "expected 4 frames of 5 x 5 points"),
        ({"hidden": range(96)}, "mean_ade", "expected a truth with visible points"),
    ],
)
def test_the_reason_is_what_a_metric_expects(options, name, why):
    found = numbers(case(**options), 0.0)
    assert found.absent[name] == why
    assert name not in found.scalars
    assert name not in found.features


def test_points_that_are_gone_at_the_end_leave_the_errors_before():
    one = case()
    visible = one.truth.visible.copy()
    visible[-1] = False
    one = replace(one, truths=(replace(one.truth, visible=visible),))
    found = numbers(one, 2.0)
    assert found.scalars["mean_ade"] == pytest.approx(2)
    for name in ("mean_fde", "best_fde", "min_fde", "miss_rate"):
        assert found.absent[name] == "expected points that are seen in the last frame"
    assert np.isnan(found.curves["mean_ade"][-1])


def test_probabilities_are_scored_where_they_are_stated():
    one = case(hidden=(0, 1, 2))
    futures = Shifted(0.0).forecast(one, 1, 0)
    probability = np.where(one.truth.visible, 0.75, 0.25)[None].astype(np.float16)
    of = scored("test", one, Forecast(tuple(futures), probability, one.history), PROTOCOL).scalars
    assert of["visibility_ap"] == of["hidden_ap"] == 1
    assert of["visibility_brier"] == pytest.approx(1 / 16)
    assert of["visibility_calibration_error"] == pytest.approx(1 / 4)


def test_pokes_are_judged_when_and_where_they_end():
    start = case().points()[[5, 9]]
    ends = np.float32([[20, 30], [40, 10]])
    one = case(pokes=Pokes(start, ends, np.float32([0.5, 1])))
    xy = one.truth.xy.copy()
    xy[3, 5], xy[7, 9] = ends[0], ends[1] + [0, 4]  # of 8 frames, half is the fourth
    of = scored("test", one, [replace(one.truth, xy=xy)], PROTOCOL).scalars
    assert of["poke_epe"] == pytest.approx((0 + 4 * 128 / 64) / 2, rel=1e-5)


def test_a_truth_that_is_the_forecast_is_left_out():
    one = _rich()
    found = scored("truth", one, one.truths[1:], PROTOCOL).scalars
    assert found["mean_ade"] > 0.5
    assert found["best_of_k_mse"] > 0
    assert scored("truth", one, one.truths[:1], PROTOCOL).scalars["best_of_k_mse"] > 0


def test_features_give_fvmd_of_the_set():
    one = case()
    truth, ours = case_facts(one, PROTOCOL).features, numbers(one, 0.0).features
    assert np.array_equal(truth["fvmd"], ours["fvmd"])
    assert truth["fvmd_long"].shape == (1, 2 * 2 * 1 * 2 * 8)
    halves = np.split(np.concatenate([ours["fvmd"]] * 2), 2, axis=1)
    same = Features(*halves)
    assert distance(same, same).combined == pytest.approx(0, abs=1e-2)


def test_as_many_samples_as_the_case_says():
    by_protocol, by_case = Shifted(0.0, 1.0, 2.0), Shifted(0.0, 1.0, 2.0)
    found = measure(by_protocol, case(), PROTOCOL)
    measure(by_case, case(about={"k": 3}), PROTOCOL)
    assert (by_protocol.asked, by_case.asked) == ([("glide", 2, 5)], [("glide", 3, 5)])
    assert found.cost["samples"] == 2
    assert found.cost["seconds"] >= 0
    assert found.cost["peak_bytes"] > 1e6


def test_best_within_seconds(monkeypatch):
    """On a clock that a forecast puts on by a tenth of a second a sample."""
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0], process_time=lambda: 2 * now[0])
    monkeypatch.setattr(clocks, "time", clock)

    class Slow(Shifted):
        """Better and better."""

        def forecast(self, case, k, seed):
            now[0] += 0.1 * k
            futures = super().forecast(case, k, seed)
            return futures if k > 1 else [self._one(case.truth, 10.0 - len(self.asked))]

    slow = Slow(9.0, 9.0)
    cost = measure(slow, case(timed=True), {**PROTOCOL, "seconds": (0.01, 0.15, 0.35)}).cost
    assert (cost["seconds"], cost["cpu_seconds"]) == pytest.approx((0.2, 0.4))
    assert [cost[f"samples_within_{s}_s"] for s in (0.01, 0.15, 0.35)] == [0, 1, 3]
    assert "best_ade_within_0.01_s" not in cost
    assert cost["best_ade_within_0.15_s"] == pytest.approx(8, rel=1e-5)
    assert cost["best_ade_within_0.35_s"] == pytest.approx(6, rel=1e-5)
    seeds = [seed for _, k, seed in slow.asked if k == 1]
    assert len(set(seeds)) == len(seeds) == 4


def test_what_is_deterministic_is_drawn_once():
    still = Shifted(4.0)
    cost = measure(still, case(timed=True), {**PROTOCOL, "seconds": [60.0]}).cost
    assert cost["best_ade_within_60_s"] == pytest.approx(4)
    assert len(still.asked) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: [], "expected futures of case glide from test, got none"),
        (lambda t: [t.window(0, 5)], "expected 8 frames of 96 points"),
        (lambda t: [t.resized((48, 32))], "on \\(48, 32\\)"),
        (lambda t: [_lost(t)], "expected test to say where every point is"),
    ],
)
def test_a_wrong_forecast_is_an_error(change, message):
    one = case()
    with pytest.raises(UserError, match=message):
        scored("test", one, change(one.truth), PROTOCOL)


def test_one_frame_shows_no_motion_to_the_opponent():
    facts = case_facts(case(history=1), PROTOCOL)
    assert facts.opponent == "constant_position"
    assert facts.opponent in baselines()
    assert facts.history_frames == 1


def test_pictures_are_of_few_points_and_frames():
    one = case(future=100, velocity=(0.1, 0.0), frame=Frame(np.zeros((64, 96, 3), np.uint8)))
    facts, found = case_facts(one, PROTOCOL), numbers(one, 0.0, 1.0, 2.0, 3.0, 4.0)
    assert facts.shown[-1] == 99
    assert found.paths.shape == (4, len(facts.shown), len(facts.picked), 2) == (4, 24, 32, 2)
    assert found.paths[0] == pytest.approx(facts.truth, nan_ok=True)
    assert facts.jpeg.startswith(b"\xff\xd8")


def _lost(tracks):
    xy, visible = tracks.xy.copy(), tracks.visible.copy()
    xy[2, 3], visible[2, 3] = np.nan, False
    return Tracks(xy, visible, tracks.size)


def _rich():
    """An image with pokes and objects, and three futures."""
    futures = [gliding(9, v, SQUARE, (7,)) for v in ((1.0, 0.5), (-1.0, 0.0), (2.0, 1.0))]
    objects = np.repeat([-1, 0, 1], 12)
    history = futures[0].window(0, 1)
    return Case(
        id="rich",
        group="many",
        history=history,
        truths=tuple(future.window(1, 9) for future in futures),
        pokes=Pokes(history.xy[0, :1], futures[0].xy[-1, :1], np.ones(1, np.float32)),
        objects=objects,
    )
