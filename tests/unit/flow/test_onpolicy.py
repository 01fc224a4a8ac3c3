import pytest
import torch

from kinecast.core.rng import generator
from kinecast.flow.onpolicy import rollout_loss
from kinecast.flow.times import logit_spaced


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


NOISE, DATA = normal(3, 4, 2), normal(3, 4, 2, key=1)


def test_the_exact_straight_flow_costs_nothing():
    loss = rollout_loss(lambda z, t: DATA - NOISE, NOISE, DATA, logit_spaced(8))
    size = (DATA - NOISE).square().mean()
    assert loss.endpoint < 1e-4 * size  # not 0: the paper starts at t = 1e-5 with the state of 0
    assert loss.consistency < 1e-10 * size


def test_a_wrong_flow_costs():
    loss = rollout_loss(lambda z, t: NOISE - DATA, NOISE, DATA, logit_spaced(8))
    assert loss.endpoint > (DATA - NOISE).square().mean()


def test_a_curved_flow_is_inconsistent_even_where_nothing_is_visible():
    unseen = torch.zeros(3, 4, 1)
    loss = rollout_loss(lambda z, t: z * t[:, None, None], NOISE, DATA, logit_spaced(8), unseen)
    assert loss.endpoint == 0
    assert loss.consistency > 1e-3
    torch.testing.assert_close(loss.total, 0.1 * loss.consistency)


def test_value_and_gradient_with_a_constant_velocity():
    # v = a everywhere; z_i = z_0 + (t_i - t_0) a, in which a carries no gradient.
    times = torch.tensor([0.25, 0.5, 0.75])
    a = torch.tensor(2.0, requires_grad=True)
    noise, data = torch.zeros(1, 1), torch.ones(1, 1)
    loss = rollout_loss(lambda z, t: a.expand_as(z), noise, data, times)
    to_data = [2.0 - 1 / 0.75, 2.0 - 0.5 / 0.5]  # v - (data - z_i) / (1 - t_i)
    to_noise = [2.0 - 0.0, 2.0 - 0.5 / 0.5]  # v - (z_i - noise) / t_i
    endpoint = sum(e**2 for e in to_data) / 2 + 0.5 * sum(e**2 for e in to_noise) / 2
    assert loss.endpoint.item() == pytest.approx(endpoint)
    assert loss.consistency.item() == pytest.approx(0.0, abs=1e-12)
    loss.endpoint.backward()
    slope = sum(2 * e for e in to_data) / 2 + 0.5 * sum(2 * e for e in to_noise) / 2
    assert a.grad.item() == pytest.approx(slope)


def test_terms_whose_denominator_says_nothing_are_left_out():
    def velocity(z, t):
        return DATA - NOISE + 100.0 * (t[:, None, None] > 1 - 1e-3)

    # Only the last step is wrong, by 100: its distance to the data is too short to blame it, its
    # distance to the noise is one of the six of eight that are long enough.
    loss = rollout_loss(velocity, NOISE, DATA, logit_spaced(8))
    assert loss.endpoint.item() == pytest.approx(0.5 * 100.0**2 / 6, rel=0.01)


def test_one_step_says_what_is_wrong():
    with pytest.raises(ValueError, match="at least 2 steps, got 1"):
        rollout_loss(lambda z, t: z, NOISE, DATA, torch.tensor([0.0, 1.0]))
