import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.rng import generator
from kinecast.flow.loss import flow_matching, visibility_weight, weighted_square


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def test_the_exact_velocity_costs_nothing():
    v = normal(2, 3, 4)
    assert flow_matching(v, v, normal(2, 3, 1, key=1).abs()) == 0


def test_without_weights_it_is_the_mean_square():
    v, u = normal(2, 3, 4), normal(2, 3, 4, key=1)
    torch.testing.assert_close(flow_matching(v, u), (v - u).square().mean())


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(0.01, 100.0), batch=st.integers(1, 4))
def test_only_the_proportion_of_weights_counts_and_samples_are_apart(scale, batch):
    error, weight = normal(batch, 3, 2, 4), normal(batch, 3, 2, 1, key=1).abs()
    whole = weighted_square(error, weight)
    torch.testing.assert_close(weighted_square(error, scale * weight), whole)
    alone = weighted_square(error[:1], weight[:1])
    torch.testing.assert_close(whole[:1], alone)


def test_error_scales_by_its_square():
    error, weight = normal(2, 3, 4), normal(2, 3, 1, key=1).abs()
    torch.testing.assert_close(
        weighted_square(3 * error, weight), 9 * weighted_square(error, weight)
    )


def test_tokens_without_weight_are_not_looked_at():
    error, visible = normal(1, 6, 4), torch.tensor([[True, True, True, False, False, False]])
    weight = visibility_weight(visible, invisible=0.0)
    changed = torch.where(visible[..., None], error, 1e6 * error)
    torch.testing.assert_close(weighted_square(changed, weight), weighted_square(error, weight))
    assert weighted_square(error, torch.zeros_like(weight)).item() == 0


def test_an_invisible_token_counts_a_hundredth():
    weight = visibility_weight(torch.tensor([[True, False]]))
    error = torch.tensor([[[0.0], [1.0]]])
    assert weighted_square(error, weight).item() == pytest.approx(0.01 / 1.01)
