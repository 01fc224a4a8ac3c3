"""Seconds of each stage of a forecast."""

from dataclasses import asdict

import numpy as np
import pytest
from stand_ins import tiny_forecaster

from kinecast.bench.speed import speed, table


def test_every_stage_is_timed_and_a_whole_forecast_takes_longest(monkeypatch):
    monkeypatch.setattr("kinecast.bench.speed.REPEATS", 2)
    measured = speed(tiny_forecaster())
    numbers = asdict(measured)
    assert all(np.isfinite(value) and value > 0 for value in numbers.values())
    assert measured.sample_1 > measured.velocity  # ten of them, and the decoding
    assert measured.sample_8 > measured.decode
    assert measured.encoded_each == pytest.approx(measured.sample_8 + 7 * measured.condition)
    assert measured.shared_ratio == pytest.approx(measured.encoded_each / measured.sample_8)
    lines = table(measured).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(numbers)[:-1]
    assert lines[-1].endswith(" MB")
