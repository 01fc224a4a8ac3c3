import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.flow.stats import ChannelStats, RunningStats

Z = 3.0 * torch.randn(40, 5, 3, generator=generator(0)) + torch.tensor([1.0, -200.0, 0.0])


@settings(deadline=None, max_examples=20)
@given(cut=st.integers(1, 39))
def test_population_statistics_however_the_data_is_cut(cut):
    running = RunningStats(3)
    for part in (Z[:cut], Z[cut:]):
        running.update(part)
    stats, rows = running.result(), Z.double().flatten(0, 1)
    assert stats.count == 200
    assert stats.mean == pytest.approx(rows.mean(0).tolist(), rel=1e-12)
    assert stats.std == pytest.approx(rows.std(0, correction=0).tolist(), rel=1e-9)


def test_normalised_latents_have_unit_scale_and_come_back():
    running = RunningStats(3)
    running.update(Z)
    stats = running.result()
    rows = stats.normalise(Z).flatten(0, 1)
    torch.testing.assert_close(rows.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(rows.std(0, correction=0), torch.ones(3))
    torch.testing.assert_close(stats.denormalise(stats.normalise(Z)), Z, rtol=1e-6, atol=1e-5)


def test_a_channel_that_never_varies_stays_finite():
    running = RunningStats(1)
    running.update(torch.ones(4, 1))
    assert running.result().normalise(torch.ones(2, 1)).tolist() == [[0.0], [0.0]]


def test_json_round_trip_and_what_it_refuses():
    stats = ChannelStats((1.0, 2.0), (0.5, 0.25), 7)
    assert ChannelStats.from_dict(json.loads(json.dumps(stats.to_dict()))) == stats
    with pytest.raises(UserError, match="mean, std and count"):
        ChannelStats.from_dict({"mean": [0.0]})
    with pytest.raises(UserError, match="got 2 and 1"):
        ChannelStats.from_dict({"mean": [0.0, 1.0], "std": [1.0], "count": 3})


def test_statistics_of_nothing_say_so():
    with pytest.raises(ValueError, match="got none"):
        RunningStats(2).result()
