import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.nn.attention import CrossAttention, SelfAttention


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def filled(module):
    """Weights from an explicit generator."""
    for index, parameter in enumerate(module.parameters()):
        parameter.data = 0.3 * normal(*parameter.shape, key=100 + index)
    return module.eval()


@pytest.fixture(params=[False, True], ids=["plain", "qk-norm"])
def attend(request):
    return filled(SelfAttention(16, 4, qk_norm=request.param))


@pytest.fixture(params=[False, True], ids=["plain", "qk-norm"])
def cross(request):
    return filled(CrossAttention(16, 4, qk_norm=request.param))


def test_it_is_softmax_of_scaled_products():
    attend = filled(SelfAttention(6, 1, qk_norm=False))
    x = normal(1, 5, 6)
    q, k, v = attend.qkv(x).chunk(3, dim=-1)
    expected = attend.out(torch.softmax(q @ k.mT / 6**0.5, dim=-1) @ v)
    torch.testing.assert_close(attend(x), expected)


def test_qk_norm_forgets_the_size_of_queries_and_keys():
    attend = filled(SelfAttention(16, 4, qk_norm=True))
    x, before = normal(2, 5, 16), None
    before = attend(x)
    attend.qkv.weight.data[:32] *= 10
    attend.qkv.bias.data[:32] *= 10
    torch.testing.assert_close(attend(x), before, rtol=1e-4, atol=1e-5)


def test_tokens_have_no_order(attend):
    x, order = normal(2, 7, 16), torch.randperm(7, generator=generator(1))
    torch.testing.assert_close(attend(x[:, order]), attend(x)[:, order])


def test_masked_tokens_are_as_if_absent(attend):
    x, mask = normal(2, 7, 16), torch.arange(7).expand(2, 7) < 4
    torch.testing.assert_close(attend(x, mask)[:, :4], attend(x[:, :4]))


def test_rows_that_share_a_context_need_no_copy_of_it(cross):
    x, context = normal(6, 5, 16), normal(2, 9, 16, key=1)
    shared = cross(x, cross.project(context))
    copied = cross(x, cross.project(context.repeat_interleave(3, dim=0)))
    torch.testing.assert_close(shared, copied)


def test_masked_context_is_as_if_absent(cross):
    x, context = normal(2, 5, 16), normal(2, 9, 16, key=1)
    mask = torch.arange(9).expand(2, 9) < 6
    masked = cross(x, cross.project(context, mask))
    torch.testing.assert_close(masked, cross(x, cross.project(context[:, :6])))


def test_bfloat16_agrees_with_float32(attend):
    x = normal(2, 7, 16)
    half = attend(x).detach()
    torch.testing.assert_close(attend.bfloat16()(x.bfloat16()).float(), half, rtol=0.05, atol=0.05)


def test_what_does_not_fit_says_so(cross):
    with pytest.raises(UserError, match="4 heads divide, got 18"):
        SelfAttention(18, 4, qk_norm=True)
    with pytest.raises(ValueError, match="each of 2 contexts, got 5 rows"):
        cross(normal(5, 3, 16), cross.project(normal(2, 9, 16)))
