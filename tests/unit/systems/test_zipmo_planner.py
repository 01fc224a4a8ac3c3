"""The poke planner, the scale of its latents, and guidance over it."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from zipmo_networks import PLANNER_CONFIG, close, normal, shaken, uniform

from kinecast.core.errors import UserError
from kinecast.flow.guidance import guided
from kinecast.flow.sampler import euler, uniform_times
from kinecast.systems.zipmo.latents import SCALE, SHIFT, denormalise, normalise
from kinecast.systems.zipmo.planner import Planner, PlannerConfig
from kinecast.systems.zipmo.positions import volume

POSITION = volume((1, 3, 3))


@pytest.fixture(scope="module")
def planner() -> Planner:
    return shaken(Planner(PLANNER_CONFIG))


def _pokes(b: int, p: int) -> torch.Tensor:
    return torch.cat([uniform(b, p, 4), uniform(b, p, 1).abs()], dim=-1)


def _velocity(planner, image, pokes):
    return partial(planner, context=planner.context(image, pokes, POSITION))


@settings(max_examples=10)
@given(p=st.integers(0, 5), b=st.integers(1, 2))
@torch.no_grad()
def test_fewer_pokes_are_filled_with_zeros_at_the_origin(planner, p, b):
    pokes = _pokes(b, p)
    tokens, positions = planner.poke_tokens(pokes)
    assert tokens.shape == (b, 5, 40)
    assert not tokens[:, p:].any()
    assert not positions[:, p:].any()
    assert torch.equal(positions[:, :p, 1:], pokes[..., :2])
    assert not positions[..., 0].any()
    close(tokens[:, :p], planner.poke(pokes[..., 2:]))


def test_another_number_of_pokes_is_refused(planner):
    with pytest.raises(UserError, match="expected at most 5 pokes, got 6"):
        planner.poke_tokens(_pokes(1, 6))
    dense = Planner(replace(PLANNER_CONFIG, fill=False))
    assert dense.poke_tokens(_pokes(1, 5)).tokens.shape == (1, 5, 40)
    for wrong in (4, 6):
        with pytest.raises(UserError, match=f"expected exactly 5 pokes, got {wrong}"):
            dense.poke_tokens(_pokes(1, wrong))


def test_published_planners_take_sixteen_pokes_at_most():
    config = PlannerConfig()
    assert (config.least, config.pokes) == (0, 16)


@torch.no_grad()
def test_no_pokes_at_all_is_the_unconditional_planner(planner):
    z, t, image = normal(2, 9, 4), torch.tensor([0.2, 0.9]), normal(2, 9, 24)
    empty = _velocity(planner, image, planner.poke_tokens(_pokes(2, 0)))
    free = _velocity(planner, image, planner.no_pokes(image))
    close(empty(z, t), free(z, t))
    steered = _velocity(planner, image, planner.poke_tokens(_pokes(2, 3)))
    assert not torch.allclose(steered(z, t), free(z, t), atol=1e-3)


@settings(max_examples=6)
@given(row=st.integers(0, 2), p=st.integers(0, 5))
@torch.no_grad()
def test_a_sample_does_not_depend_on_its_batch(planner, row, p):
    z, t, image, pokes = normal(3, 9, 4), uniform(3).abs(), normal(3, 9, 24), _pokes(3, p)
    whole = _velocity(planner, image, planner.poke_tokens(pokes))(z, t)
    one = slice(row, row + 1)
    alone = _velocity(planner, image[one], planner.poke_tokens(pokes[one]))(z[one], t[one])
    close(whole[one], alone)


@torch.no_grad()
def test_samples_of_one_clip_share_its_context(planner):
    z, t, image, pokes = normal(3, 9, 4), uniform(3).abs(), normal(1, 9, 24), _pokes(1, 2)
    shared = _velocity(planner, image, planner.poke_tokens(pokes))(z, t)
    own = _velocity(planner, image.expand(3, -1, -1), planner.poke_tokens(pokes.expand(3, -1, -1)))(
        z, t
    )
    close(shared, own)


@torch.no_grad()
def test_time_zero_is_the_code_of_pure_noise(planner):
    """The network's last layer, run by hand, at the noise level 1 - t; its velocity reversed."""
    z, image = normal(1, 9, 4), normal(1, 9, 24)
    context = planner.context(image, planner.no_pokes(image), POSITION)
    x = torch.cat([planner.embed(z), context["image"]], dim=1)
    code = planner.time(torch.ones(1))
    expected = -planner.out(planner.layers(x, context["rotations"], context["pokes"], code))[:, :9]
    close(planner(z, torch.zeros(1), context), expected)


@torch.no_grad()
def test_the_time_code_is_of_cosines_then_sines(planner):
    noise = torch.tensor([0.3])
    turns = 2 * torch.pi * 0.3 * planner.time.frequency[:, 0]
    code = torch.cat([turns.cos(), turns.sin()])[None]
    close(planner.time(noise), planner.time.mlp(planner.time.embed(code)))


@torch.no_grad()
def test_guidance_at_scale_one_is_none_and_beyond_leads_further(planner):
    image = normal(2, 9, 24)
    steered = _velocity(planner, image, planner.poke_tokens(_pokes(2, 3)))
    free = _velocity(planner, image, planner.no_pokes(image))
    noise, times = normal(2, 9, 4), uniform_times(3)
    plain = euler(steered, noise, times)
    assert torch.equal(euler(guided(steered, free, 1.0), noise, times), plain)
    t = torch.full((2,), 0.5)
    difference = steered(noise, t) - free(noise, t)
    close(guided(steered, free, 2.5)(noise, t), free(noise, t) + 2.5 * difference)


@given(shift=st.floats(-1, 1), scale=st.floats(0.1, 20))
def test_latents_come_back_from_their_scale(shift, scale):
    z = normal(2, 9, 4)
    close(denormalise(normalise(z, shift, scale), shift, scale), z)


def test_normalised_latents_of_the_published_statistics_have_variance_one_half():
    z = SHIFT + SCALE**0.5 * normal(400, 9, 4)
    assert abs(normalise(z).var().item() - 0.5) < 0.01
    assert abs(normalise(z).mean().item()) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_latents_are_rounded_once(dtype):
    z = (3 * normal(2, 9, 4)).to(dtype)
    exact = (z.double() + 0.175) * (0.5 / 11.6) ** 0.5
    assert normalise(z).dtype == dtype
    assert torch.equal(normalise(z), exact.to(dtype))
    scaled = (z * torch.tensor((11.6 / 0.5) ** 0.5, dtype=dtype)).double()
    assert torch.equal(denormalise(z), (scaled - 0.175).to(dtype))
