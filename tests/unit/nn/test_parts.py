"""Working on tokens part by part: the same numbers, and never with gradients."""

import pytest
import torch
from tiny_systems import KINDS, tiny_system

from kinecast.bench.example import example
from kinecast.core import rng
from kinecast.nn import parts
from kinecast.nn.parts import parts_of

CPU = torch.device("cpu")


def everything(system):
    """Latents, a velocity of two samples, and what they decode to."""
    clip = example(system.needs, CPU)
    cond = system.condition(clip.given)
    noise = rng.sample_noise(0, range(2), system.latent_shape(cond))
    velocity = system.velocity(noise, torch.tensor([0.3, 0.6]), cond)
    queries = () if clip.queries is None else (clip.queries[:4, :4],)
    return [
        system.encode(clip.future, cond).mean,
        velocity,
        system.decode(noise, cond, *queries)[0],
    ]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("tokens", [1, 7])
@torch.inference_mode()
def test_parts_are_the_whole(name, tokens, monkeypatch):
    system = tiny_system(name)
    whole = everything(system)
    monkeypatch.setattr(parts, "PART", tokens)
    for part, expected in zip(everything(system), whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-4, atol=1e-5 * expected.abs().max())


def test_parts_are_for_many_tokens_without_gradients(monkeypatch):
    monkeypatch.setattr(parts, "PART", 10)
    x = torch.zeros(2, 3, 4, 8)
    assert parts_of(x) == 1
    with torch.inference_mode():
        assert parts_of(x) == 3
        assert parts_of(x[:1, :2]) == 1
        assert parts_of(x.to("meta")) == 1
        assert parts_of(x[:, :0]) == 1
