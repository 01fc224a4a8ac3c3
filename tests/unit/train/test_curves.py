import json
import math

import pytest

from kinecast.train import curves

ROWS = [{"step": 0, "validation": {"model": 5.0, "constant position": 4.0}}]
ROWS += [{"step": s, "loss": 1000.0 / s, "lr": 0.1} for s in range(1, 1001)]
ROWS += [{"step": 1000, "validation": {"model": 2.0, "constant position": 4.0}}]


def test_the_summary_averages_tenths_and_takes_the_best_validation():
    got = curves.summary(ROWS)
    assert got["steps"] == 1000
    assert got["loss_first"] == pytest.approx(sum(1000 / s for s in range(1, 101)) / 100)
    assert got["loss_last"] == pytest.approx(sum(1000 / s for s in range(901, 1001)) / 100)
    assert got["validation"] == {"step": 1000, "model": 2.0, "constant position": 4.0}


def test_the_summary_of_a_stage_that_hands_on_its_last_weights_has_their_scores():
    worse = [*ROWS, {"step": 1001, "validation": {"model": 3.0, "constant position": 4.0}}]
    assert curves.summary(worse)["validation"]["step"] == 1000
    assert curves.summary(worse, "last")["validation"]["step"] == 1001
    assert curves.summary([], "last")["validation"] == {}


def test_an_empty_throughput_hides_none_that_was_measured():
    rows = [*ROWS, {"step": 1000, "throughput": {"per": "core"}}, {"step": 1000, "throughput": {}}]
    assert curves.summary(rows)["throughput"] == {"per": "core"}


def test_a_stage_without_steps_has_no_losses():
    assert curves.summary([])["loss_first"] is None


def test_the_compact_curve_keeps_the_mean_and_every_validation():
    got = curves.compact(ROWS)
    assert len(got["loss"]) == 200
    assert got["loss"][-1]["step"] == 1000
    assert math.isclose(
        sum(p["loss"] for p in got["loss"]) / 200, sum(1000 / s for s in range(1, 1001)) / 1000
    )
    assert [p["step"] for p in got["validation"]] == [0, 1000]


def test_both_files_are_written(tmp_path):
    paths = curves.write(tmp_path, {"flow": ROWS, "mean": ROWS[:50]})
    assert set(json.loads((tmp_path / "curve.json").read_text())) == {"flow", "mean"}
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert paths == {"curve": str(tmp_path / "curve.json"), "plot": str(tmp_path / "curve.png")}
