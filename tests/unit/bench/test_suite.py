"""Suites: found by name, of fixed sizes, frozen."""

import json
from dataclasses import replace

import numpy as np
import pytest
from bench_cases import case, gliding

from kinecast.bench import frozen
from kinecast.bench.suite import Lot, Suite, protocol_hash
from kinecast.bench.suites import SUITES, suite
from kinecast.core.errors import MissingExtraError, UserError


def made(*cases, **options):
    """A suite of one lot."""
    options = {"name": "made", "version": 1, "about": "", "protocol": {"k": 1, "seed": 0}} | options
    return Suite(**options, lots=lambda size, data: [Lot("all", lambda: iter(cases))])


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_says_what_it_is(name):
    one = suite(name)
    assert one.name == name
    assert one.version >= 1
    assert one.about
    assert {"k", "seed", "resolution", "frames", "tracker"} <= set(one.protocol)
    assert len(protocol_hash(json.loads(json.dumps(dict(one.protocol))))) == 16


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_makes_its_lots_at_once_or_says_what_to_fetch(name):
    one = suite(name)
    if one.fetch:
        with pytest.raises(UserError) as error:
            one.lots(one.sizes[0], None)
        assert " ".join(one.fetch.split()) in str(error.value)
        return
    try:
        names = [lot.name for lot in one.lots(one.sizes[0], None)]
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert len(set(names)) == len(names) > 0
    assert all(set(name) <= set(LETTERS) for name in names)


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@+"


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(UserError, match="did you mean micro"):
        suite("mirco")
    with pytest.raises(UserError, match="expected --size mini for micro, got 'full'"):
        next(suite("micro").cases("full"))


def test_cases_are_made_in_order_and_lazily():
    def bad():
        raise AssertionError("made too early")
        yield

    lots = [Lot("a", lambda: iter([case(name="1"), case(name="2")])), Lot("b", bad)]
    cases = replace(made(), lots=lambda size, data: lots).cases("mini")
    assert [next(cases).id, next(cases).id] == ["1", "2"]


def test_the_hash_is_of_the_content():
    assert protocol_hash({"a": 1, "b": [2]}) == protocol_hash({"b": [2], "a": 1})
    assert protocol_hash({"a": 1}) != protocol_hash({"a": 2})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where suites are frozen in."""
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    frozen._kept.cache_clear()
    yield tmp_path
    frozen._kept.cache_clear()


def _freeze(one):
    frozen.write(one, "mini")


def test_a_frozen_case_passes_with_the_rounding_of_another_processor(folder):
    one = case()
    _freeze(made(one))
    frozen.check_protocol(made(one), "mini")
    nearly = replace(one, truths=(replace(one.truth, xy=one.truth.xy + np.float32(0.01)),))
    frozen.check(made(nearly), "mini", nearly)
    frozen.check_all(made(one), "mini", ["glide"])


def test_what_is_not_frozen_is_not_checked(folder):
    frozen.check(made(), "mini", case())
    frozen.check_protocol(made(), "mini")
    frozen.check_all(made(), "mini", ["any"])


def test_another_case_or_protocol_is_an_error_that_names_it(folder):
    one = case()
    _freeze(made(one))
    moved = replace(one, truths=(gliding(14, (1.1, 0.5)).window(6, 14),))
    with pytest.raises(UserError, match=r"case glide of made .mini., version 1, is not the frozen"):
        frozen.check(made(moved), "mini", moved)
    visible = one.history.visible.copy()
    visible[3, 5] = False
    hidden = replace(one, history=replace(one.history, visible=visible))
    with pytest.raises(UserError, match=r"number 10 of its fingerprint"):
        frozen.check(made(hidden), "mini", hidden)
    with pytest.raises(UserError, match=r"case other of made .* none of the frozen ones"):
        frozen.check(made(one), "mini", replace(one, id="other", scene=""))
    for changed in (made(one, version=2), made(one, protocol={"k": 2, "seed": 0})):
        with pytest.raises(UserError, match=r"suite made .mini. has version"):
            frozen.check_protocol(changed, "mini")
    with pytest.raises(UserError, match="lacks 1 frozen cases, for example glide"):
        frozen.check_all(made(one), "mini", [])
    with pytest.raises(UserError, match="got glide twice"):
        frozen.check_all(made(one), "mini", ["glide", "glide"])


def test_a_fingerprint_probes_points_that_are_seen():
    one = case(hidden=range(0, 90))
    prints = np.array(frozen.fingerprint(one))
    assert len(prints) == 12
    seen = one.truth.xy[:, 90:].reshape(-1, 2)
    for xy in prints[:10].reshape(5, 2):
        assert np.abs(seen - xy).max(axis=1).min() < 1e-4
    assert prints[11] == pytest.approx(6 / 96)
