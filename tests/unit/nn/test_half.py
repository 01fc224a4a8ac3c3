"""Half precision of blocks: small deviations, and float32 all around them."""

import pytest
import torch
from tiny_systems import KINDS, tiny_system

from kinecast.bench.example import example
from kinecast.core import rng
from kinecast.flow.sampler import euler, uniform_times
from kinecast.nn.half import HalfLinear, halve

CPU = torch.device("cpu")
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
# of the largest value, after four steps of a network of random weights
TOLERANCE = {"bf16": 2e-2, "fp16": 3e-3}


@torch.inference_mode()
def sample(system):
    """Latents of two samples of four steps, and where their points are."""
    clip = example(system.needs, CPU)
    cond = system.condition(clip.given)
    noise = rng.sample_noise(0, range(2), system.latent_shape(cond))
    z = euler(
        lambda z, t: system.velocity(z, t, cond),
        system.source(noise, cond),
        uniform_times(4),
        system.pin(cond),
    )
    queries = () if clip.queries is None else (clip.queries[:4, :4],)
    return z, system.decode(z, cond, *queries)[0]


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("name", KINDS)
def test_half_precision_deviates_little_and_gives_float32(name, precision):
    system = tiny_system(name)
    exact = sample(system)
    halve(system, DTYPES[precision])
    for half, expected in zip(sample(system), exact, strict=True):
        assert half.dtype == torch.float32
        deviation = (half - expected).abs().max() / expected.abs().max()
        assert 0 < deviation < TOLERANCE[precision]


@pytest.mark.parametrize("name", KINDS)
def test_what_carries_coordinates_times_and_gates_stays_in_float32(name):
    system = tiny_system(name)
    halve(system, torch.bfloat16)
    half = {key for key, value in system.state_dict().items() if value.dtype == torch.bfloat16}
    assert half
    for key in half:
        assert key.endswith((".weight", ".bias"))
        assert ".op." in key
        assert ".modulate." not in key


@pytest.mark.parametrize("name", ["whn-points", "trajloom-paper"])
def test_a_network_that_adds_nothing_moves_no_coordinate(name):
    """Untrained, the head is zero: what is left are the coordinates, to the last bit."""
    system = tiny_system(name, shaken=0.0)
    exact = sample(system)[1]
    halve(system, torch.bfloat16)
    assert torch.equal(sample(system)[1], exact)


def test_a_half_layer_rounds_its_input_and_keeps_its_shape():
    layer = torch.nn.Linear(3, 2)
    half = HalfLinear(layer, torch.bfloat16)
    x = torch.randn(4, 5, 3, generator=rng.generator(0))
    assert half(x).dtype == torch.bfloat16
    torch.testing.assert_close(half(x).float(), layer(x), rtol=2e-2, atol=2e-2)
    assert HalfLinear(torch.nn.Linear(3, 2, bias=False), torch.float16).bias is None
