import torch
from torch import nn

from kinecast.core.rng import generator
from kinecast.nn.attention import SelfAttention
from kinecast.nn.block import Block, Branch
from kinecast.nn.mixing import Along, to_rows
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import AdaLN, LearnedGate
from kinecast.nn.norm import RMSNorm


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def test_rms_norm_has_unit_rms_and_forgets_the_scale():
    norm, x = RMSNorm(8, learned=False), normal(3, 8)
    torch.testing.assert_close(norm(x).square().mean(-1), torch.ones(3), rtol=1e-4, atol=0)
    torch.testing.assert_close(norm(50 * x), norm(x), rtol=1e-4, atol=1e-6)
    assert not list(norm.parameters())
    assert [p.shape for p in RMSNorm(8, learned=True).parameters()] == [(8,)]


def test_a_branch_with_a_learned_gate_starts_as_nothing():
    block = Block({"mlp": Branch(RMSNorm(8, learned=True), LearnedGate(8), MLP(8, 16))})
    x = normal(2, 3, 4, 8)
    assert torch.equal(block(x), x)


def test_adaptive_norm_starts_as_the_identity_with_gate_one():
    x = normal(2, 3, 4, 8)
    y, gate = AdaLN(8)(x, normal(2, 8, key=1))
    torch.testing.assert_close(y, x)
    torch.testing.assert_close(gate, torch.ones(2, 1, 1, 8))


def test_adaptive_norm_has_one_row_per_sample():
    ada = AdaLN(8)
    ada.linear.weight.data = normal(24, 8, key=2)
    x, cond = normal(1, 3, 8).expand(2, 3, 8), normal(2, 8, key=1)
    whole, gates = ada(x, cond)
    alone, gate = ada(x[1:], cond[1:])
    torch.testing.assert_close(whole[1:], alone)
    torch.testing.assert_close(gates[1:], gate)
    assert not torch.allclose(whole[0], whole[1])


class Times(nn.Module):
    """A stand-in operation."""

    def forward(self, x, factor=2.0):
        return factor * x


def branch(op):
    gated = LearnedGate(1)
    gated.gate.data.fill_(1.0)
    return Branch(nn.Identity(), gated, op)


def test_branches_run_in_order_and_get_what_is_meant_for_them():
    block = Block({"first": branch(Times()), "second": branch(Times())})
    x = torch.ones(1, 2, 1)
    assert block(x).flatten().tolist() == [9.0, 9.0]
    assert block(x, None, {"second": {"factor": 0.0}}).flatten().tolist() == [3.0, 3.0]


def test_mixing_along_an_axis_leaves_the_other_alone():
    x = normal(2, 3, 4, 8)
    attend = SelfAttention(8, 2, qk_norm=True)
    for axis, other in (("space", (0, 1)), ("time", (0, slice(None), 1))):
        changed = x.clone()
        changed[other] += 1.0
        moved = (Along(axis, attend)(changed) - Along(axis, attend)(x)).abs().amax(-1) > 1e-6
        expected = torch.zeros(2, 3, 4, dtype=torch.bool)
        expected[other] = True
        assert torch.equal(moved, expected)


def test_rows_of_one_context_are_neighbours():
    b, t, n = torch.meshgrid(torch.arange(2), torch.arange(3), torch.arange(4), indexing="ij")
    x = torch.stack([b, t, n], dim=-1).float()
    space, time = to_rows(x, "space"), to_rows(x, "time")
    assert space.shape == (6, 4, 3)
    assert space[:, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]  # by sample
    assert time.shape == (8, 3, 3)
    assert time[:, 0, 2].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]  # by point


def test_masked_points_take_no_part_in_space():
    x, mask = normal(2, 3, 4, 8), torch.tensor([[True, True, True, False]])
    along = Along("space", SelfAttention(8, 2, qk_norm=False))
    torch.testing.assert_close(along(x, mask)[:, :, :3], along(x[:, :, :3]))
