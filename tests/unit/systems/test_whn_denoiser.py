from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from whn_networks import LATENTS as SMALL
from whn_networks import filled, normal

from kinecast.core.errors import UserError
from kinecast.nn.embed import sincos_2d
from kinecast.systems.whn import points
from kinecast.systems.whn.attention import Attention, TanhMLP
from kinecast.systems.whn.config import DenoiserConfig
from kinecast.systems.whn.denoiser import Denoiser
from kinecast.systems.whn.points import PatchEmbed, PointEncoder, from_patches

POINTS = replace(SMALL, grid=(4, 6), patch=2, channels=2, point_width=6)
TEXT = replace(SMALL, text=7)


def state(config, batch=2):
    return normal(batch, config.frames, *config.grid, config.channels, key=1)


def features(config, clips=1):
    return normal(clips, config.tokens[0] * config.tokens[1], config.features, key=2)


def test_attention_is_softmax_of_products_normalised_over_the_whole_width():
    attend = filled(Attention(6, 2))
    x, context = normal(1, 5, 6), normal(1, 4, 6, key=3)
    query = torch.nn.functional.rms_norm(attend.query(x), (6,), attend.query_norm.weight, 1e-5)
    key, value = attend.key_value(context).chunk(2, dim=-1)
    key = torch.nn.functional.rms_norm(key, (6,), attend.key_norm.weight, 1e-5)
    heads = [
        torch.softmax(query[..., h] @ key[..., h].mT / 3**0.5, dim=-1) @ value[..., h]
        for h in (slice(0, 3), slice(3, 6))
    ]
    expected = attend.out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(attend(x, attend.project(context)), expected)


def test_samples_share_a_context_that_was_projected_once():
    attend = filled(Attention(6, 2))
    x, contexts = normal(4, 3, 2, 6), normal(2, 4, 6, key=3)
    shared = attend(x, attend.project(contexts))
    copied = attend(x, attend.project(contexts.repeat_interleave(2, dim=0)))
    torch.testing.assert_close(shared, copied)


def test_heads_must_divide_the_width():
    with pytest.raises(UserError, match="a width that 4 heads divide, got 6"):
        Attention(6, 4)


def test_the_mlp_uses_the_tanh_approximation():
    mlp, x = filled(TanhMLP(3, 12)), normal(5, 3)
    up = mlp.up(x)
    tanh = torch.tanh((2 / torch.pi) ** 0.5 * (up + 0.044715 * up**3))
    torch.testing.assert_close(mlp(x), mlp.down(0.5 * up * (1 + tanh)))


@given(rows=st.integers(1, 4), columns=st.integers(1, 4), patch=st.integers(1, 4))
def test_patches_are_a_convolution_and_come_back_in_place(rows, columns, patch):
    x = normal(2, 3, rows * patch, columns * patch, 2)
    embed = filled(PatchEmbed(2, 5, patch))
    expected = torch.nn.Conv2d.forward(embed, x.flatten(0, 1).movedim(-1, 1))
    expected = expected.flatten(2).mT.unflatten(0, (2, 3))
    torch.testing.assert_close(embed(x), expected, atol=1e-5, rtol=1e-5)
    unfolded = PatchEmbed(2, 2 * patch**2, patch)
    # a kernel that copies: output (row in patch, column in patch, channel)
    copies = torch.eye(2 * patch**2).unflatten(0, (patch, patch, 2))
    kernel = copies.unflatten(-1, (patch, patch, 2)).permute(0, 1, 2, 5, 3, 4)
    unfolded.weight.data = kernel.reshape(2 * patch**2, 2, patch, patch)
    unfolded.bias.data.zero_()
    torch.testing.assert_close(from_patches(unfolded(x), rows, patch), x)


def test_point_features_are_of_unit_length_before_their_mlp():
    encoder = PointEncoder(16, 8, torch.nn.SiLU(), learned=True)
    xy = normal(4, 5, 2)
    torch.testing.assert_close(
        encoder.fourier(xy).square().sum(-1), torch.full((4, 5), 0.5), atol=1e-6, rtol=0
    )
    assert torch.equal(encoder(xy)[..., :2], xy)
    assert "fourier.frequency" in dict(encoder.named_parameters())
    whole = encoder.mlp(encoder.fourier(xy))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(points, "AT_ONCE", 7)  # of 20, and not a divisor
        torch.testing.assert_close(encoder(xy)[..., 2:], whole)
    fixed = PointEncoder(16, 8, torch.nn.SiLU(), learned=False)
    assert "fourier.frequency" not in dict(fixed.named_parameters())


@settings(max_examples=15)
@given(
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    patch=st.integers(1, 2),
    frames=st.integers(1, 4),
    raw=st.booleans(),
    text=st.booleans(),
    batch=st.integers(1, 3),
)
def test_velocities_are_like_their_state_in_any_layout(cells, patch, frames, raw, text, batch):
    config = DenoiserConfig(
        grid=(cells[0] * patch, cells[1] * patch),
        patch=patch,
        frames=frames,
        channels=2,
        width=8,
        heads=2,
        depth=2,
        features=5,
        tokens=(2, 3),
        text=3 if text else None,
        point_width=4 if raw else None,
    )
    network = filled(Denoiser(config))
    z_t, t = state(config, batch), torch.linspace(0, 1, batch)
    context = network.context(features(config), normal(1, 3) if text else None)
    v = network(z_t, t, context)
    assert v.shape == z_t.shape
    assert v.dtype == torch.float32
    alone = network(z_t[-1:], t[-1:], context)
    torch.testing.assert_close(v[-1:], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", [SMALL, POINTS, TEXT], ids=["latents", "points", "text"])
def test_clips_of_a_batch_do_not_meet(config):
    network = filled(Denoiser(config))
    z_t, t, f = state(config), torch.tensor([0.2, 0.7]), features(config, 2)
    text = None if config.text is None else normal(2, config.text, key=5)
    both = network(z_t, t, network.context(f, text))
    for i in range(2):
        own = network.context(f[i : i + 1], None if text is None else text[i : i + 1])
        alone = network(z_t[i : i + 1], t[i : i + 1], own)
        torch.testing.assert_close(both[i : i + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", [SMALL, POINTS], ids=["latents", "points"])
def test_it_starts_as_nothing(config):
    network = Denoiser(config)
    assert not network(state(config), torch.zeros(2), network.context(features(config))).any()


@pytest.mark.parametrize("config", [SMALL, POINTS], ids=["latents", "points"])
def test_every_frame_and_place_sees_every_other(config):
    network = filled(Denoiser(config))
    context, z_t = network.context(features(config)), state(config, 1)
    z_t.requires_grad_()
    network(z_t, torch.tensor([0.3]), context)[0, -1, -1, -1].sum().backward()
    assert z_t.grad.abs().amin(-1).min() > 0


def test_image_text_and_time_matter():
    network, z_t, t = filled(Denoiser(TEXT)), state(TEXT), torch.tensor([0.1, 0.1])
    f, text = features(TEXT), normal(1, 7)
    v = network(z_t, t, network.context(f, text))
    others = [
        network(z_t, t, network.context(f + 1.0, text)),
        network(z_t, t, network.context(f, text + 1.0)),
        network(z_t, t + 0.5, network.context(f, text)),
    ]
    assert all((v - other).abs().max() > 1e-3 for other in others)


def test_image_tokens_know_their_place():
    network = filled(Denoiser(SMALL))
    assert torch.equal(network.image.position, sincos_2d(2, 1, 8))
    z_t, t, f = state(SMALL), torch.full((2,), 0.5), features(SMALL)
    v = network(z_t, t, network.context(f))
    swapped = network(z_t, t, network.context(f.flip(1)))
    assert (v - swapped).abs().max() > 1e-4


def test_bfloat16_keeps_the_state_in_float32():
    network, z_t, t = filled(Denoiser(POINTS)), state(POINTS), torch.tensor([0.2, 0.7])
    exact = network(z_t, t, network.context(features(POINTS)))
    with torch.autocast("cpu", torch.bfloat16):
        v = network(z_t, t, network.context(features(POINTS)))
    assert v.dtype == torch.float32
    assert 0 < (v - exact).abs().max() < 0.1 * exact.abs().max()


def test_what_does_not_fit_is_refused():
    network = Denoiser(SMALL)
    with pytest.raises(UserError, match=r"\(tokens, channels\) \(2, 5\), got \(3, 5\)"):
        network.context(normal(1, 3, 5))
    with pytest.raises(UserError, match="expected no text for this model"):
        network.context(features(SMALL), normal(1, 7))
    with pytest.raises(UserError, match="expected a text, got none"):
        Denoiser(TEXT).context(features(TEXT))
    context = network.context(features(SMALL))
    with pytest.raises(UserError, match=r"expected a state of \(3, 2, 3, 4\), got \(2, 2, 3, 4\)"):
        network(state(SMALL)[:, :2], torch.zeros(2), context)
    with pytest.raises(UserError, match="a grid that patches of 2 divide"):
        DenoiserConfig(grid=(3, 2), patch=2)
    with pytest.raises(UserError, match="2 channels of a point"):
        DenoiserConfig(channels=3, point_width=4)
