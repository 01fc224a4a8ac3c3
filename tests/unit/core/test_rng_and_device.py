"""Noise that depends on its keys alone, and devices by name."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinecast.core import device, rng
from kinecast.core.errors import UserError

keys = st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3)


def _draw(*key):
    return torch.rand(4, generator=rng.generator(*key))


@given(a=keys, b=keys)
def test_generators_are_equal_exactly_where_their_keys_are(a, b):
    assert torch.equal(_draw(*a), _draw(*a))
    assert torch.equal(_draw(*a), _draw(*b)) == (a == b)


def test_the_order_of_the_keys_counts():
    assert not torch.equal(_draw(1, 2), _draw(2, 1))


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    numpy_before = np.random.get_state()[1].copy()
    _draw(1, 2)
    rng.sample_noise(0, [0, 1], (3,))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


@pytest.mark.parametrize("key", [-1, 2**32])
def test_keys_out_of_range(key):
    with pytest.raises(UserError, match=r"expected seeds >= 0 of at most 32 bits, got \(3, "):
        rng.generator(3, key)


@given(
    seed=st.integers(0, 2**32 - 1),
    samples=st.lists(st.integers(0, 99), min_size=1, max_size=5, unique=True),
    window=st.integers(0, 3),
)
def test_the_noise_of_a_sample_does_not_depend_on_its_batch(seed, samples, window):
    together = rng.sample_noise(seed, samples, (2, 3), window)
    assert together.shape == (len(samples), 2, 3)
    assert together.dtype == torch.float32
    for row, k in zip(together, samples, strict=True):
        assert torch.equal(row, rng.sample_noise(seed, [k], (2, 3), window)[0])


def test_samples_seeds_and_windows_differ():
    draws = [
        rng.sample_noise(seed, [k], (64,), window)
        for seed in (0, 1) for k in (0, 1) for window in (0, 1)
    ]  # fmt: skip
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == 8


@given(seed=st.integers(0, 2**32 - 1), pair=st.integers(0, 50), window=st.integers(0, 3))
def test_samples_come_in_mirrored_pairs(seed, pair, window):
    first, second = rng.sample_noise(seed, [2 * pair, 2 * pair + 1], (3, 2), window)
    assert torch.equal(first, -second)


def test_noise_is_standard_normal():
    noise = rng.sample_noise(3, [0], (20_000,))
    assert abs(noise.mean()) < 0.03
    assert abs(noise.std() - 1) < 0.03


def test_noise_is_the_same_on_every_machine_and_day():
    expected = torch.tensor([-1.1257524490356445, -0.4656835198402405, -1.6195656061172485])
    got = rng.sample_noise(7, [4], (3,))[0]
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


def test_auto_is_a_device_that_works():
    assert torch.zeros(1, device=device.resolve("auto")).item() == 0
    assert device.resolve("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "tpu:0", "CPU"])
def test_unknown_devices(name):
    with pytest.raises(UserError, match=r"expected device auto, .* got"):
        device.resolve(name)


def test_a_device_this_machine_lacks(monkeypatch):
    monkeypatch.setattr(device, "_available", lambda: ["cpu"])
    for name in ("mps", "cuda", "cuda:1"):
        with pytest.raises(UserError, match="is not available here, only cpu; use --device auto"):
            device.resolve(name)
    assert device.resolve("auto") == torch.device("cpu")


def test_memory_figures_are_plausible():
    peak = device.peak_memory_bytes()
    assert 10e6 < peak < device.memory_bytes(torch.device("cpu"))
    block = np.ones(30_000_000)
    assert device.peak_memory_bytes() >= peak
    assert block.sum() > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux forgets the peak")
def test_the_peak_of_memory_can_be_forgotten():
    where = torch.device("cpu")
    large = torch.ones(64 << 20)  # 256 MB
    held = device.peak_memory_bytes(where)
    del large
    device.reset_peak_memory(where)
    assert device.peak_memory_bytes(where) < held - (128 << 20)
