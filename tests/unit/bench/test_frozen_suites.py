"""The frozen suites are what they were: a sample always, all cases in the slow suite.

`KINECAST_UPDATE=1 pytest -m slow tests/unit/bench/test_frozen_suites.py` writes the files anew, for
a new version of a suite.
"""

import os
import re
from dataclasses import replace

import pytest
from installed import why_no_pictures

from kinecast.bench import frozen
from kinecast.bench.suites import suite
from kinecast.core.errors import UserError

ALL = [("micro", "mini"), ("worlds", "mini"), ("worlds", "full"), ("real-mini", "mini")]
FROZEN = [(name, size) for name, size in ALL if frozen.path(name, size).is_file()]
SAMPLE = {
    "seeds-81-040", "seeds-24-000", "families-81-chain-008", "families-24-swinging-000", "long-000",
    "camera-004", "occlusion-008", "still-exact-000", "still-noisy-000",
}  # fmt: skip
RENDERED = "shapes-other-000"
UPDATE = os.environ.get("KINECAST_UPDATE") == "1"


def test_the_first_size_of_every_suite_of_recorded_cases_is_frozen():
    assert {(name, suite(name).sizes[0]) for name, _ in ALL} <= set(FROZEN)


@pytest.mark.parametrize(("name", "size"), FROZEN)
def test_protocols_are_frozen(name, size):
    frozen.check_protocol(suite(name), size)


@pytest.mark.parametrize(("name", "size"), FROZEN)
def test_another_protocol_needs_another_version(name, size):
    one = suite(name)
    with pytest.raises(UserError, match=f"suite {name}"):
        frozen.check_protocol(replace(one, protocol={**one.protocol, "k": 9}), size)


@pytest.mark.parametrize("size", ["mini", "full"])
def test_a_sample_of_worlds_is_frozen(size):
    one = suite("worlds")
    lots = {lot.name: lot for lot in one.lots(size, None)}
    for name in SAMPLE:
        for case in lots[name].make():
            frozen.check(one, size, case)


@pytest.mark.skipif(bool(why_no_pictures()), reason=why_no_pictures())
def test_a_sample_of_rendered_worlds_is_frozen(tmp_path, monkeypatch):
    pytest.importorskip("mujoco", reason="needs the extra sim")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    one = suite("worlds")
    (lot,) = (lot for lot in one.lots("mini", None) if lot.name == RENDERED)
    frozen.check(one, "mini", next(lot.make()))


def test_a_case_that_moved_is_none_of_the_suite():
    one = suite("worlds")
    case = next(one.lots("mini", None)[0].make())
    xy = case.truth.xy.copy()
    xy += 0.05
    moved = replace(case, truths=(replace(case.truth, xy=xy),))
    with pytest.raises(UserError, match=re.escape(f"case {case.id} of worlds")):
        frozen.check(one, "mini", moved)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), ALL if UPDATE else FROZEN)
def test_all_cases_are_frozen(name, size):
    """Renders what is not kept in the user's folder yet: an hour of CPU for `full`."""
    one = suite(name)
    if UPDATE:
        frozen.write(one, size)
    met = []
    for case in one.cases(size):
        frozen.check(one, size, case)
        met.append(case.id)
    frozen.check_all(one, size, met)
