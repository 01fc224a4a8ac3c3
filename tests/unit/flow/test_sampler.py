import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.rng import generator
from kinecast.flow.sampler import SAMPLERS, euler, uniform_times

FIXED = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4}  # order of convergence


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


@pytest.mark.parametrize("name", SAMPLERS)
@settings(deadline=None, max_examples=10)
@given(steps=st.integers(1, 12), batch=st.integers(1, 4))
def test_straight_paths_are_exact_at_any_step_count(name, steps, batch):
    start, end = normal(batch, 5), normal(batch, 5, key=1)
    z = SAMPLERS[name](lambda z, t: end - start, start, uniform_times(steps))
    torch.testing.assert_close(z, end, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "order"), FIXED.items())
def test_order_of_convergence_on_dz_dt_equals_z(name, order):
    start = torch.ones(1, 1)
    steps = {1: 64, 2: 8, 4: 2}[order]
    coarse, fine = (
        abs(SAMPLERS[name](lambda z, t: z, start, uniform_times(n)).double().item() - torch.e)
        for n in (steps, 2 * steps)
    )
    assert 0.75 * 2**order < coarse / fine < 1.25 * 2**order


def test_dopri5_meets_its_tolerance_whatever_the_times():
    end = SAMPLERS["dopri5"](lambda z, t: z, torch.ones(1, 1), uniform_times(1))
    assert end.item() == pytest.approx(torch.e, abs=1e-4)


@pytest.mark.parametrize("name", FIXED)
def test_time_reaches_the_velocity_one_per_sample(name):
    # dz/dt = 2t has z(1) = 1: exact for second order and above
    z = SAMPLERS[name](lambda z, t: 2 * t[:, None], torch.zeros(3, 1), uniform_times(4))
    expected = 1.0 if FIXED[name] > 1 else 0.75
    torch.testing.assert_close(z, torch.full((3, 1), expected))


@pytest.mark.parametrize("name", FIXED)
def test_a_sample_does_not_depend_on_its_batch(name):
    start = normal(8, 3)
    whole, alone = (
        SAMPLERS[name](lambda z, t: torch.sin(z) + t[:, None], z, uniform_times(10))
        for z in (start, start[3:4])
    )
    torch.testing.assert_close(whole[3:4], alone)


@pytest.mark.parametrize("name", SAMPLERS)
def test_pinned_entries_never_move_and_are_seen_held(name):
    start, value = normal(2, 4), torch.full((2, 4), 7.0)
    mask = torch.tensor([True, False, False, True])
    seen = []

    def velocity(z, t):
        seen.append(z[:, mask].clone())
        return torch.ones_like(z)

    z = SAMPLERS[name](velocity, start, uniform_times(5), (mask, value))
    assert (z[:, mask] == 7.0).all()
    assert all((held == 7.0).all() for held in seen)
    torch.testing.assert_close(z[:, ~mask], start[:, ~mask] + 1)


def test_the_state_stays_in_float32():
    z = euler(lambda z, t: torch.full_like(z, 1e-4).bfloat16(), torch.ones(1, 1), uniform_times(9))
    assert z.dtype == torch.float32
    assert z.item() == pytest.approx(1.0001, abs=2e-6)


def test_zero_steps_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least 1 step, got steps=0"):
        uniform_times(0)
