import pytest
import torch

from kinecast.core import rng
from kinecast.flow.guidance import guided


def test_guidance_goes_along_the_difference():
    z, t = torch.zeros(2, 3), torch.zeros(2)
    one, other = rng.sample_noise(0, [0, 2], (2, 3))
    for scale in (1.0, 1.5, 3.0):
        velocity = guided(lambda z, t: one, lambda z, t: other, scale)
        torch.testing.assert_close(velocity(z, t), (1 - scale) * other + scale * one)


def test_without_guidance_only_the_condition_is_evaluated():
    def never(z, t):
        raise AssertionError

    z = torch.zeros(2, 3)
    assert torch.equal(guided(lambda z, t: z + 1, never, 1.0)(z, torch.zeros(2)), z + 1)


@pytest.mark.parametrize("scale", [0.9, -1.0, float("nan")])
def test_guidance_does_not_weaken_a_condition(scale):
    with pytest.raises(ValueError, match="at least 1"):
        guided(lambda z, t: z, lambda z, t: z, scale)
