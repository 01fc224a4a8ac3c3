import pytest
import torch

from kinecast.core.rng import generator
from kinecast.flow import times


def test_the_mixture_is_a_fifth_small_and_four_fifths_around_the_middle():
    t = times.mixture(200_000, generator(0))
    assert t.min() >= times.EPS
    assert t.max() <= 1 - times.EPS
    below = 0.2 + 0.8 * torch.special.ndtr(torch.logit(torch.tensor(0.1))).item()
    assert (t < 0.1).float().mean().item() == pytest.approx(below, abs=0.005)
    above_half = 0.8 * 0.5
    assert (t > 0.5).float().mean().item() == pytest.approx(above_half, abs=0.005)


def test_the_same_generator_gives_the_same_times():
    assert torch.equal(times.mixture(9, generator(3)), times.mixture(9, generator(3)))
    assert not torch.equal(times.mixture(9, generator(3)), times.mixture(9, generator(4)))


def test_logit_spacing():
    t = times.logit_spaced(8)
    expected = [1e-5, 1.8e-4, 3.2e-3, 0.053, 0.5, 0.947, 0.9968, 0.99982, 1 - 1e-5]
    torch.testing.assert_close(t, torch.tensor(expected), rtol=0.03, atol=0)
    torch.testing.assert_close(t + t.flip(0), torch.ones(9))


def test_no_steps_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least 1 step, got steps=0"):
        times.logit_spaced(0)
