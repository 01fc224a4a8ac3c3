import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.rng import generator
from kinecast.systems.base import Posterior
from kinecast.systems.trajloom import losses
from kinecast.systems.trajloom.losses import explained_variance, vae_loss

SHAPE = (2, 5, 3, 6)
PERFECT = Posterior(torch.zeros(2, 2, 4, 3), torch.ones(2, 2, 4, 3))
TERMS = [losses.reconstruction, losses.temporal, losses.spatial]


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def pair():
    return normal(*SHAPE, 2), normal(*SHAPE, 2, key=1), normal(*SHAPE, key=2) > 0


def test_perfect_reconstruction_of_a_standard_posterior_costs_nothing():
    _, x, visible = pair()
    assert all(term == 0 for term in vae_loss(x, x, visible, PERFECT))


def test_the_sum_is_weighted_as_published():
    a, x, visible = pair()
    posterior = Posterior(normal(2, 2, 4, 3), normal(2, 2, 4, 3, key=1).exp())
    loss = vae_loss(a, x, visible, posterior)
    expected = loss.reconstruction + 0.1 * loss.temporal + 0.2 * loss.spatial + 5e-5 * loss.kl
    torch.testing.assert_close(loss.total, expected)


@pytest.mark.parametrize("term", TERMS)
def test_without_a_visible_pair_a_term_is_zero_and_so_is_its_gradient(term):
    a, x, _ = pair()
    a.requires_grad_(True)
    loss = term(a, x, torch.zeros(SHAPE, dtype=torch.bool)).sum()
    loss.backward()
    assert loss == 0
    assert (a.grad == 0).all()


@pytest.mark.parametrize("term", TERMS)
def test_what_is_hidden_does_not_count_whatever_it_holds(term):
    a, x, visible = pair()
    garbage = torch.where(visible[..., None], x, torch.nan)
    torch.testing.assert_close(term(a, garbage, visible), term(a, x, visible))


@pytest.mark.parametrize("term", TERMS)
def test_segments_are_normalised_apart(term):
    a, x, visible = pair()
    visible[0, 2:] = False
    alone = term(a[:1], x[:1], visible[:1])
    torch.testing.assert_close(term(a, x, visible)[:1], alone)


@pytest.mark.parametrize("term", [losses.temporal, losses.spatial])
@settings(deadline=None, max_examples=10)
@given(scale=st.floats(0.1, 10.0), shift=st.floats(-5.0, 5.0))
def test_consistency_ignores_a_common_shift_and_is_linear(term, scale, shift):
    a, x, visible = pair()
    base = term(a, x, visible)
    torch.testing.assert_close(term(a + shift, x, visible), base, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(term(scale * a, scale * x, visible), scale * base)


def test_huber_is_square_near_and_linear_far_and_sums_coordinates():
    x, seen = torch.zeros(1, 1, 1, 1, 2), torch.ones(1, 1, 1, 1, dtype=torch.bool)
    near = losses.reconstruction(x + 0.5, x, seen)
    far = losses.reconstruction(x + 10.0, x, seen)
    assert near.item() == pytest.approx(2 * 0.5 * 0.5**2)
    assert far.item() == pytest.approx(2 * (10.0 - 0.5))
    narrow = losses.reconstruction(x + 10.0, x, seen, delta=0.1)
    assert narrow.item() == pytest.approx(2 * 0.1 * (10.0 - 0.05))


def test_a_ramp_across_the_grid_costs_its_slope_at_every_hop():
    # error = column: a pair d cells apart differs by d along x, by 0 along y
    error = torch.arange(6.0).expand(1, 1, 3, 6)[..., None] * torch.tensor([1.0, 0.0])
    seen = torch.ones(1, 1, 3, 6, dtype=torch.bool)
    right, below = {1: 15, 2: 12, 4: 6}, {1: 12, 2: 6, 4: 0}
    hops = {d: d * right[d] / (right[d] + below[d]) for d in (1, 2, 4)}
    expected = sum(hops[d] / d for d in hops) / sum(1 / d for d in hops)
    loss = losses.spatial(error, torch.zeros_like(error), seen)
    assert loss.item() == pytest.approx(expected)


def test_hops_longer_than_the_grid_are_left_out_of_both_sums():
    error = torch.arange(3.0).view(1, 1, 1, 3, 1).expand(1, 1, 1, 3, 2)
    seen = torch.ones(1, 1, 1, 3, dtype=torch.bool)
    expected = (2 * 1.0 + 2 * 2.0 / 2) / (1 + 1 / 2)  # both coordinates, hops 1 and 2
    assert losses.spatial(error, 0 * error, seen).item() == pytest.approx(expected)
    point = error[..., :1, :]
    assert losses.spatial(point, 0 * point, seen[..., :1]).item() == 0


def test_kl_against_the_analytic_value():
    normals = torch.distributions.Normal
    mean, scale = normal(2, 3, 4, 5), normal(2, 3, 4, 5, key=1).exp()
    expected = torch.distributions.kl_divergence(normals(mean, scale), normals(0.0, 1.0))
    torch.testing.assert_close(losses.kl(Posterior(mean, scale)), expected.flatten(1).mean(1))


def test_variance_is_explained_by_where_points_are_or_by_how_they_move():
    visible = torch.ones(50, 8, dtype=torch.bool)
    spread, moved = 5.0 * normal(1, 8, 2), normal(50, 8, 2, key=1)
    still = explained_variance(spread.expand(50, 8, 2), visible)
    torch.testing.assert_close(still, torch.full((2,), 100.0))
    assert (explained_variance(spread + moved, visible) > 80).all()
    assert (explained_variance(moved, visible) < 10).all()


def test_explained_variance_counts_what_is_seen_only():
    visible = normal(20, 8, key=3) > 0
    visible[:, 5] = False
    x = normal(20, 8, 2) + 3 * normal(1, 8, 2, key=1)
    garbage = torch.where(visible[..., None], x, torch.nan)
    seen = [x[visible[:, n], n] for n in range(8) if n != 5]
    means = torch.stack([points.mean(0) for points in seen])
    within = torch.stack([points.var(0, correction=0) for points in seen]).mean(0)
    between = means.var(0, correction=0)
    torch.testing.assert_close(
        explained_variance(garbage, visible), 100 * between / (between + within)
    )
    assert (explained_variance(x, torch.zeros_like(visible)) == 0).all()
