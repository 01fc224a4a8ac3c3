from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.systems.trajloom.boundary import anchored
from kinecast.systems.trajloom.generator import Generator
from kinecast.systems.trajloom.generator_config import GeneratorConfig

GRID, STEPS, C, PAST = (2, 3), 3, 4, 2
N = GRID[0] * GRID[1]
FULL = GeneratorConfig(
    latent_channels=C,
    latent_steps=STEPS,
    history_channels=C,
    video_channels=5,
    text_channels=6,
    grid=GRID,
    width=16,
    heads=2,
    depth=4,
    future_start=9,
)
TRACKS = replace(FULL, video_channels=None, text_channels=None)
FREE = replace(TRACKS, grid=None, position_channels=7)
SPACE = replace(  # what our own small models use: one latent step, context only through the hint
    FREE, latent_steps=1, mixing=("space",), spatial_context="none", fusion="last"
)


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def network(config):
    """Weights away from their special starts, from an explicit generator."""
    net = Generator(config)
    for index, parameter in enumerate(net.parameters()):
        parameter.data += 0.1 * normal(*parameter.shape, key=1000 + index)
    return net.eval().requires_grad_(False)


def condition(config, batch=2, points=N):
    """Keyword arguments of `context`."""
    given = {
        "history": normal(batch, PAST, points, config.history_channels, key=1),
        "visibility": normal(batch, PAST, points, key=2).sigmoid(),
    }
    if config.video_channels is not None:
        given["video"] = normal(batch, PAST, points, config.video_channels, key=3)
    if config.text_channels is not None:
        given["text"] = normal(batch, config.text_channels, key=4)
    if config.position_channels is not None:
        given["positions"] = normal(batch, points, config.position_channels, key=5)
    return given


def noise(config, batch=2, points=N):
    return normal(batch, config.latent_steps, points, config.latent_channels, key=6)


VARIANTS = {
    "published": FULL,
    "space first": replace(FULL, mixing=("space", "time")),
    "sum": replace(FULL, video_context="sum", spatial_last=2),
    "tracks only": replace(FULL, spatial_video=False),
    "pooled": replace(FULL, spatial_pool=2),
    "mean context": replace(FULL, spatial_context="mean"),
    "no spatial context": replace(FULL, spatial_context="none"),
    "no fusion": replace(FULL, fusion="none"),
    "ungated": replace(FULL, fusion_gate=False),
    "video fusion": replace(FULL, video_fusion=True),
    "history only": TRACKS,
    "given positions": FREE,
    "space alone": SPACE,
}
variants = pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)


@variants
def test_samples_of_one_clip_share_its_context(config):
    net, one = network(config), condition(config, batch=1)
    z, t = noise(config, batch=3), torch.tensor([0.1, 0.5, 0.9])
    shared = net(z, t, net.context(**one))
    copies = {name: value.expand(3, *value.shape[1:]) for name, value in one.items()}
    torch.testing.assert_close(shared, net(z, t, net.context(**copies)), rtol=1e-4, atol=1e-5)


@variants
def test_a_sample_does_not_depend_on_its_batch(config):
    net, given = network(config), condition(config)
    z, t = noise(config), torch.tensor([0.2, 0.7])
    whole = net(z, t, net.context(**given))
    alone = net(z[1:], t[1:], net.context(**{name: value[1:] for name, value in given.items()}))
    torch.testing.assert_close(whole[1:], alone, rtol=1e-4, atol=1e-5)


@variants
def test_every_stream_matters(config):
    net, given = network(config), condition(config)
    z, t = noise(config), torch.tensor([0.2, 0.7])
    before = net(z, t, net.context(**given))
    for name, value in given.items():
        after = net(z, t, net.context(**{**given, name: value + 1.0}))
        assert (after - before).abs().max() > 1e-4, name


@variants
def test_every_weight_gets_a_gradient(config):
    net = network(config).requires_grad_(True)
    v = net(noise(config), torch.tensor([0.2, 0.7]), net.context(**condition(config)))
    v.square().mean().backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]


def test_a_context_serves_every_step_of_the_sampler():
    net, given = network(FULL), condition(FULL)
    context = net.context(**given)
    z = noise(FULL)
    for time in (0.0, 0.3, 1.0):
        t = torch.full((2,), time)
        torch.testing.assert_close(net(z, t, context), net(z, t, net.context(**given)))


@pytest.mark.parametrize("config", [FREE, SPACE], ids=["space and time", "space"])
@settings(deadline=None, max_examples=10)
@given(real=st.integers(1, 8))
def test_padding_tokens_change_nothing(config, real):
    net, given = network(config), condition(config, points=9)
    z, t = noise(config, points=9), torch.tensor([0.2, 0.7])
    mask = torch.arange(9).expand(2, 9) < real
    padded = net(z, t, net.context(**given, mask=mask))[:, :, :real]
    given = {k: v[:, :, :real] if k != "positions" else v[:, :real] for k, v in given.items()}
    alone = net(z[:, :, :real], t, net.context(**given))
    torch.testing.assert_close(padded, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [FREE, SPACE], ids=["space and time", "space"])
def test_with_given_positions_points_have_no_order(config):
    net, given = network(config), condition(config)
    z, t = noise(config), torch.tensor([0.2, 0.7])
    order = torch.randperm(N, generator=generator(9))
    shuffled = {k: v[:, order] if k == "positions" else v[:, :, order] for k, v in given.items()}
    torch.testing.assert_close(
        net(z[:, :, order], t, net.context(**shuffled)),
        net(z, t, net.context(**given))[:, :, order],
        rtol=1e-4,
        atol=1e-5,
    )


def test_without_contexts_there_is_no_cross_attention():
    names = [name for name, _ in Generator(SPACE).named_parameters()]
    assert not [name for name in names if "cross" in name]
    assert [name for name, _ in Generator(TRACKS).named_parameters() if "cross" in name]


def test_a_zero_start_is_a_velocity_of_zero():
    net = Generator(replace(SPACE, zero_output=True))
    v = net(noise(SPACE), torch.tensor([0.2, 0.7]), net.context(**condition(SPACE)))
    assert (v == 0).all()


def test_absent_visibility_and_video_count_as_zeros():
    net, given = network(FULL), condition(FULL)
    z, t = noise(FULL), torch.tensor([0.2, 0.7])
    for name in ("visibility", "video"):
        absent = {k: v for k, v in given.items() if k != name}
        zeros = {**given, name: torch.zeros_like(given[name])}
        torch.testing.assert_close(
            net(z, t, net.context(**absent)), net(z, t, net.context(**zeros))
        )


def test_the_gates_open_early_and_close_late():
    gate = Generator(FULL).history.fusion_gate.sigmoid()
    torch.testing.assert_close(gate, torch.linspace(0.95, 0.35, STEPS))


def test_a_stream_the_network_lacks_is_refused():
    net, given = network(TRACKS), condition(TRACKS)
    with pytest.raises(UserError, match="no video stream"):
        net.context(**given, video=normal(2, PAST, N, 5))
    with pytest.raises(UserError, match="no text stream"):
        net.context(**given, text=normal(2, 6))
    with pytest.raises(UserError, match="position_channels=None, got some"):
        net.context(**given, positions=normal(2, N, 7))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="either a grid"):
        replace(FULL, grid=None)
    with pytest.raises(UserError, match="pooling needs a grid"):
        replace(FREE, spatial_pool=2)
    with pytest.raises(UserError, match="depth=3"):
        replace(FULL, depth=3)


def test_the_source_starts_where_the_history_ends():
    z, last = normal(4, STEPS, N, C), normal(4, N, C, key=1)
    start = anchored(z, last)
    torch.testing.assert_close(start[:, 0] - last, 0.1 * z[:, 0])
    assert torch.equal(start[:, 1:], z[:, 1:])
    torch.testing.assert_close(anchored(z, last[:1])[0], start[0])
