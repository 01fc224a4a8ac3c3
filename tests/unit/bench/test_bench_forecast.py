"""Forecasts over many clips: the clips, the ratios and the README's table."""

import numpy as np
import pytest
from stand_ins import Copycat

from kinecast.bench import forecast as bench
from kinecast.bench.forecast import Case, Row, markdown, measure, summary, to_json
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.synth import HELD_OUT

NAN = float("nan")


def row(group, mean, opponent, moving=1.0):
    return Row(group, "a", 24, mean, mean / 2, opponent, moving, moving, 2.0)


def test_a_model_that_forecasts_as_the_opponent_has_its_error():
    cases = list(bench.simulated("some", "mix", 7, 2, 12))
    rows = list(measure(Copycat(), cases, samples=3))
    assert [r.name for r in rows] == [case.name for case in cases]
    for r in rows:
        assert (r.group, r.frames) == ("some", 12)
        assert r.mean == pytest.approx(r.opponent)
        assert r.best == pytest.approx(r.opponent)
        assert r.moving_mean == pytest.approx(r.moving_opponent, nan_ok=True)


def test_a_clip_whose_truth_is_never_seen_is_left_out():
    (case,) = bench.simulated("some", "mix", 7, 1, 12)
    unseen = Tracks(case.truth.xy, np.zeros_like(case.truth.visible), case.truth.size)
    blind = Case("some", "blind", "synthetic", case.history, unseen)
    assert [r.name for r in measure(Copycat(), [blind, case])] == [case.name]


def test_simulated_clips_are_shared_out_over_the_held_out_families(monkeypatch):
    monkeypatch.setattr(bench, "WINDOWS", (6,))
    cases = list(bench.synthetic(2 * len(HELD_OUT)))
    groups = [case.group for case in cases]
    assert groups.count("held-out seeds") == groups.count("held-out families") == len(groups) / 2
    families = {c.name.split("/")[0] for c in cases if c.group == "held-out families"}
    assert families == set(HELD_OUT)
    assert {len(case.history) for case in cases} == {len(case.truth) for case in cases} == {6}


def test_a_real_video_is_cut_into_windows_and_tracked_from_their_first_frame(monkeypatch):
    monkeypatch.setattr(bench, "WINDOWS", (5, 3))
    monkeypatch.setattr("kinecast.core.grid.DEFAULT_CELLS", 24)
    texture = np.random.default_rng(0).integers(0, 255, (64, 96 + 14, 3), np.uint8)
    frames = np.stack([texture[:, t : t + 96] for t in range(14)])
    cases = list(bench.real([("street", Video(ArraySource(frames, fps=24.0)))]))
    assert [case.name for case in cases] == ["street@5", "street@3", "street@9"]
    assert all(case.history.visible[0].all() for case in cases)
    assert all(case.kind == "real" for case in cases)


def test_the_summary_has_both_kinds_of_ratio_and_the_table_takes_the_right_one():
    rows = [row("real clips", 1.0, 1.0), row("real clips", 30.0, 10.0, moving=NAN)]
    (entry,) = summary(rows)
    assert (entry["clips"], entry["frames"], entry["opponent_px"]) == (2, 24, 5.5)
    assert entry["mean_mean_of_ratios"] == pytest.approx(2.0)
    assert entry["mean_ratio_of_means"] == pytest.approx(31 / 11)
    assert entry["moving_mean_mean_of_ratios"] == pytest.approx(0.5)  # the clip that has such
    assert "| 2 real clips | 24 → 24 | 5.5 | 2.00 | 1.00 | 0.50 | 0.50 |" in markdown([entry])
    (held,) = summary([row("held-out seeds", 1.0, 1.0), row("held-out seeds", 30.0, 10.0)])
    assert "| 2.82 | 1.41 |" in markdown([held])


def test_json_has_null_for_what_a_clip_does_not_have():
    clips = to_json([row("real clips", 1.0, 1.0, moving=NAN), row("real clips", 1.0, 1.0)])["clips"]
    assert clips[0]["moving_mean"] is None
    assert clips[1]["moving_mean"] == 1.0


def test_nothing_measured_is_an_error():
    with pytest.raises(UserError, match="at least 48 frames"):
        summary([])
