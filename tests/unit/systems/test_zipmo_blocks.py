"""Attention, rotations and embeddings against plain computations of the same."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from zipmo_networks import normal, shaken, uniform

from kinecast.systems.zipmo.blocks import (
    CosineCrossAttention,
    CosineSelfAttention,
    Scale,
    Stack,
    SwiGLU,
    feed_forward,
    layer,
)
from kinecast.systems.zipmo.fourier import CoordinateEmbedding
from kinecast.systems.zipmo.positions import over_time, plane, volume
from kinecast.systems.zipmo.rope import (
    THETA_40,
    SpaceTimeRope,
    index_rope,
    log_spaced,
    plane_rope,
)


def _turn(x, theta):
    """Rotate pairs (i, i + a) as complex numbers; the rest stays."""
    a = len(theta)
    turned = torch.complex(x[:a], x[a : 2 * a]) * torch.polar(torch.ones(a), theta)
    return torch.cat([turned.real, turned.imag, x[2 * a :]])


def test_attention_is_that_of_turned_cosines():
    op = shaken(CosineSelfAttention(32, 2, SpaceTimeRope(2, 16, THETA_40)))
    x, where = normal(1, 5, 32), uniform(1, 5, 3)
    query, key, value = (y.view(5, 2, 16) for y in op.qkv(x)[0].chunk(3, dim=-1))
    heads = []
    for h in range(2):
        frequency = torch.stack([op.rope.time[h], *op.rope.yx[:, h]])
        scale = op.temperature[h].sqrt()

        def turned(y, h=h, frequency=frequency, scale=scale):
            y = scale * y[:, h] / (y[:, h].square().sum(-1, keepdim=True) + 1e-6).sqrt()
            theta = (where[0, :, :, None] * frequency).flatten(1)
            return torch.stack([_turn(y[i], theta[i]) for i in range(len(y))])

        heads.append((turned(query) @ turned(key).T).softmax(-1) @ value[:, h])
    expected = op.out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(op(x, op.rope(where))[0], expected)


@pytest.mark.parametrize(
    ("rope", "axes"),
    [(SpaceTimeRope(2, 16, THETA_40), 3), (plane_rope(2, 16), 2), (index_rope(2, 16), 1)],
)
def test_rotated_products_depend_on_the_difference_of_positions(rope, axes):
    query, key = normal(1, 2, 1, 16), normal(1, 2, 1, 16, seed=1)
    one, other, shift = (uniform(1, 1, axes, seed=s) for s in range(3))

    def product(p, q):
        return (rope(p)(query) * rope(q)(key)).sum(-1)

    torch.testing.assert_close(
        product(one, other), product(one + shift, other + shift), atol=2e-4, rtol=0
    )
    assert not torch.allclose(product(one, other), product(one + shift, other), atol=1e-2)


def test_frequencies_are_dealt_to_the_heads_in_turn():
    frequency = log_spaced(0.0, math.log(16.0), heads=2, n=2)
    torch.testing.assert_close(frequency, torch.tensor([[1.0, 4.0], [2.0, 8.0]]))


@settings(max_examples=10)
@given(groups=st.integers(1, 3), samples=st.integers(1, 3))
def test_rows_share_a_context_as_if_each_had_its_own(groups, samples):
    op = shaken(CosineCrossAttention(32, 24, 2, SpaceTimeRope(2, 16, THETA_40)))
    x, context = normal(groups * samples, 4, 32), normal(groups, 6, 24)
    queries, keys = op.rope(uniform(1, 4, 3)), op.rope(uniform(1, 6, 3))
    shared = op(x, op.project(context, keys), queries)
    own = op(x, op.project(context.repeat_interleave(samples, 0), keys), queries)
    torch.testing.assert_close(shared, own)


def test_a_zero_token_takes_attention_and_gives_nothing():
    op = shaken(CosineCrossAttention(32, 24, 2))
    x, context = normal(1, 4, 32), normal(1, 3, 24)
    more = op.project(torch.cat([context, torch.zeros(1, 2, 24)], dim=1))
    assert not more.key[:, :, 3:].any()
    assert not more.value[:, :, 3:].any()
    assert not torch.allclose(op(x, more), op(x, op.project(context)), atol=1e-3)
    assert not op(x, op.project(torch.zeros(1, 2, 24))).any()


def test_swiglu_gates_its_first_half_by_its_second():
    op = shaken(SwiGLU(8, 12))
    x = normal(3, 8)
    up = x @ op.up.weight.T
    torch.testing.assert_close(op(x), (up[:, :12] * F.silu(up[:, 12:])) @ op.down.weight.T)


def test_the_time_code_scales_each_sample():
    op = shaken(Scale(8, 4))
    x, cond = normal(2, 3, 8), normal(2, 4)
    scaled, gate = op(x, cond)
    assert gate is None
    torch.testing.assert_close(scaled[1], x[1] * (1 + op.linear.weight @ cond[1]))


def test_a_fresh_layer_is_the_identity():
    cross = CosineCrossAttention(32, 24, 2)
    block = layer(32, CosineSelfAttention(32, 2, plane_rope(2, 16)), cross)
    stack = Stack([block])
    x = normal(2, 4, 32)
    contexts = stack.contexts(normal(2, 3, 24))
    assert torch.equal(stack(x, stack.rotations(uniform(1, 4, 2)), contexts), x)
    assert torch.equal(feed_forward(32)(x), x)


def test_coordinates_are_sines_and_cosines_and_zeros():
    embed = CoordinateEmbedding(3, 16, theta=30.0)
    assert embed.frequency.shape == (2,)
    embed.mlp = torch.nn.Identity()
    point = torch.tensor([0.3, -0.2, 0.9])
    expected = [f(c * w) for c in point for f in (torch.sin, torch.cos) for w in embed.frequency]
    torch.testing.assert_close(embed(point), torch.stack([*expected, *torch.zeros(4)]))


def test_whole_numbers_meet_whole_frequencies():
    embed = shaken(CoordinateEmbedding(1, 16, theta=30.0))
    steps = torch.tensor([[3], [11]])
    whole = embed(steps)
    assert not torch.allclose(whole, embed(steps.float()), atol=1e-3)
    embed.frequency.copy_(embed.frequency.trunc())
    torch.testing.assert_close(whole, embed(steps.float()))


def test_positions_lie_at_the_centres_of_square_cells():
    torch.testing.assert_close(plane(1, 2), torch.tensor([[0.0, -0.5], [0.0, 0.5]]))
    assert plane(2, 4).abs().amax(0).tolist() == [0.25, 0.75]
    grid = volume((2, 1, 2))
    assert grid[:, 0].tolist() == [-0.5, -0.5, 0.5, 0.5]
    assert volume((1, 2, 2))[:, 0].tolist() == [0.0] * 4
    tracks = over_time(uniform(1, 3, 2), 2)
    assert tracks[0, :, 0].tolist() == [-0.5, 0.5] * 3
    assert torch.equal(tracks[0, 0, 1:], tracks[0, 1, 1:])
