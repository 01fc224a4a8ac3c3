"""Batches: planned from the work, equal, and halved where a device is full."""

import pytest
import torch
from torch import nn

from kinecast.core.errors import UserError
from kinecast.forecast.memory import in_chunks, plan_chunk


def test_small_work_is_one_batch_and_large_work_one_sample_at_a_time():
    network = nn.Linear(16, 16)
    assert plan_chunk(network, (4, 4, 8), 8) == 8
    assert plan_chunk(network, (10**6, 10**3, 8), 8) == 1
    assert plan_chunk(network, (4, 4, 8), 1) == 1


def test_a_wider_network_takes_smaller_and_equal_batches():
    latent = (21, 15, 26, 16)
    chunks = [plan_chunk(nn.Linear(4, width), latent, 12) for width in (64, 1024, 4096, 65536)]
    assert chunks == sorted(chunks, reverse=True)
    assert len(set(chunks)) > 1
    assert all(12 % chunk == 0 for chunk in chunks)


def test_what_a_sample_becomes_on_the_way_counts_where_it_is_more():
    network, latent = nn.Linear(4, 4096), (4, 4, 8)
    assert plan_chunk(network, latent, 8) == 8
    assert plan_chunk(network, latent, 8, tokens=10) == 8
    assert plan_chunk(network, latent, 8, tokens=10**6) == 1


@pytest.mark.parametrize("chunk", [1, 3, 5, 9])
def test_batches_cover_all_samples_in_order(chunk):
    parts = in_chunks(range(7), chunk, list)
    assert [item for part in parts for item in part] == list(range(7))
    assert max(len(part) for part in parts) == min(chunk, 7)


def test_a_full_device_halves_the_batch_and_loses_nothing():
    sizes = []

    def run(batch):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("full")
        return list(batch)

    parts = in_chunks(range(6), 6, run)
    assert [item for part in parts for item in part] == list(range(6))
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1]


def test_a_sample_that_does_not_fit_names_what_helps():
    def run(batch):
        raise torch.OutOfMemoryError("full")

    with pytest.raises(UserError, match="larger stride, or --device cpu"):
        in_chunks(range(4), 4, run)
