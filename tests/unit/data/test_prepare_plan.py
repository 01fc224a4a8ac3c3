"""The plan is a function of contents and settings alone."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinecast.data.prepare import plan
from kinecast.data.prepare.cuts import Motion
from kinecast.data.prepare.filters import motion_verdict, shape_verdict
from kinecast.data.prepare.scan import Scanned, clips_between
from kinecast.data.prepare.settings import Limits, Settings
from kinecast.data.prepare.videos import VideoFile

LIMITS = Limits()


def scanned(name, sha256, starts=(0, 8), bad=None, **verdicts):
    clips = [{"start": s, "verdict": verdicts.get(f"at{s}")} for s in starts]
    found = {"bad": bad, "verdict": None, "clips": clips} if bad is None else {"bad": bad}
    return Scanned(VideoFile(name, Path(name), "", ""), (1, 2), sha256, found, {})


def test_order_of_arrival_does_not_count():
    items = [scanned(f"{k}.mp4", f"{k:064x}") for k in range(5)]
    assert plan.video_rows(items) == plan.video_rows(items[::-1])


def test_a_copy_gives_no_clips_of_its_own():
    rows = plan.video_rows([scanned("b.mp4", "1" * 64), scanned("a.mp4", "1" * 64)])
    assert [row.get("duplicate_of") for row in rows] == [None, "a.mp4"]
    assert [unit.video for unit in plan.units(rows)] == ["a.mp4", "a.mp4"]


def test_rejected_and_bad_ones_are_not_worked_on():
    rows = plan.video_rows(
        [scanned("a.mp4", "1" * 64, at8={"reason": "static"}), scanned("b.mp4", "2" * 64, bad="!")]
    )
    assert [(unit.video, unit.start) for unit in plan.units(rows)] == [("a.mp4", 0)]


@given(count=st.integers(0, 50), size=st.integers(1, 7))
def test_shards_hold_every_unit_once_and_in_order(count, size):
    units = [plan.Unit(str(k), "v", "0", k) for k in range(count)]
    groups = list(plan.shards(units, size).values())
    assert [unit for group in groups for unit in group] == units
    assert all(len(group) == size for group in groups[:-1])


@given(starts=st.lists(st.integers(1, 99), unique=True).map(sorted), length=st.integers(100, 120))
def test_clips_fill_the_shots_from_their_start(starts, length):
    settings = Settings(frames=10)
    motion = Motion(*([0.01] * length for _ in range(4)))
    rows = clips_between(starts, length, motion, settings)
    bounds = [0, *starts, length]
    for row in rows:
        begin = max(b for b in bounds if b <= row["start"])
        end = min(b for b in bounds if b > row["start"])
        if row["verdict"] is None:
            assert (row["start"] - begin) % 10 == 0
            assert row["start"] + 10 <= end
        else:
            assert row["verdict"] == {"reason": "cuts", "measured": end - begin, "limit": 10}
    whole = sum((b - a) // 10 for a, b in pairwise(bounds))
    assert sum(row["verdict"] is None for row in rows) == whole


@pytest.mark.parametrize(
    ("size", "length", "reason", "measured"),
    [
        ((832, 480), 162, None, 0),
        ((1920, 1080), 200, None, 0),
        ((640, 480), 200, None, 0),  # 4:3 is cropped
        ((480, 832), 200, "aspect", (832 / 480) ** 2),
        ((320, 180), 200, "resolution", 480 / 180),
        ((832, 480), 161, "length", 161),
    ],
)
def test_verdicts_of_a_video(size, length, reason, measured):
    verdict = shape_verdict(size, length, (832, 480), 162, LIMITS)
    assert (verdict and verdict.reason) == reason
    if verdict is not None:
        assert verdict.measured == pytest.approx(measured, abs=1e-6)


@pytest.mark.parametrize(
    ("fastest", "camera", "reason"),
    [(0.0002, 0.0, "static"), (0.01, 0.001, None), (0.1, 0.03, "camera")],
)
def test_verdicts_of_motion(fastest, camera, reason):
    verdict = motion_verdict([fastest] * 5, [camera] * 5, LIMITS)
    assert (verdict and verdict.reason) == reason
