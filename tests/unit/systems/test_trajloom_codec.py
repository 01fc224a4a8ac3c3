from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core import rng
from kinecast.systems.base import FieldBatch
from kinecast.systems.trajloom import losses
from kinecast.systems.trajloom.codec import CodecConfig, LinearCodec
from kinecast.systems.trajloom.config import preset
from kinecast.systems.trajloom.patches import to_tokens
from kinecast.systems.trajloom.residual_codec import ResidualCodec
from kinecast.systems.trajloom.system import TrajLoom

CONFIG = CodecConfig(frames=6, patch=2, channels=8, depth=2, width=32, heads=2)


def fields(batch: int = 3, h: int = 5, w: int = 7, seed: int = 0) -> torch.Tensor:
    """Accelerated motion of about 10 pixels that bends at random, neighbours alike."""
    draw = rng.generator(seed, h, w)
    time = torch.arange(1.0, CONFIG.frames + 1)[None, :, None, None, None]
    shared = torch.randn(batch, 1, 1, 1, 2, generator=draw)
    own = 0.3 * torch.randn(batch, 1, h, w, 2, generator=draw)
    bend = 0.5 * torch.randn(batch, CONFIG.frames, h, w, 2, generator=draw)
    return (shared + own) * time + 0.1 * shared * time**2 + bend


def codec(trained: bool) -> ResidualCodec:
    """With a fitted linear part; `trained`: every other weight off its initial value."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = ResidualCodec(CONFIG)
    tokens = to_tokens(fields(batch=40, seed=1), CONFIG.patch).flatten(2).flatten(0, 1).double()
    made.fit(tokens.T @ tokens / len(tokens))
    draw = rng.generator(2)
    for p in made.parameters() if trained else ():
        p.data += 0.1 * torch.randn(p.shape, generator=draw)
    return made


def linear_of(residual: ResidualCodec) -> LinearCodec:
    """The same linear part alone."""
    linear = LinearCodec(replace(CONFIG, depth=0))
    linear.basis.copy_(residual.basis)
    linear.scale.copy_(residual.scale)
    return linear


@settings(deadline=None, max_examples=10)
@given(h=st.integers(1, 7), w=st.integers(1, 7), seed=st.integers(0, 9))
def test_before_training_it_is_the_linear_codec_bit_for_bit(h, w, seed):
    residual = codec(trained=False)
    linear = linear_of(residual)
    moved = fields(h=h, w=w, seed=seed)
    z = residual.encode(moved)
    assert torch.equal(z, linear.encode(moved))
    assert torch.equal(residual.decode(z, h, w), linear.decode(z, h, w))


def test_after_training_it_is_another_one():
    residual = codec(trained=True)
    linear, moved = linear_of(residual), fields()
    z = residual.encode(moved)
    assert (z - linear.encode(moved)).abs().max() > 1e-2
    assert (residual.decode(z, 5, 7) - linear.decode(z, 5, 7)).abs().max() > 1e-2


def test_rest_stays_rest_whatever_the_weights():
    residual = codec(trained=True)
    still = torch.zeros(1, 6, 5, 7, 2)
    z = residual.encode(still)
    assert torch.equal(z, torch.zeros_like(z))
    assert torch.equal(residual.decode(z, 5, 7), still)


def test_a_patch_at_rest_stays_at_rest_among_moving_ones():
    residual, moved = codec(trained=True), fields()
    moved[:, :, 2:4, 2:4] = 0.0
    again = residual.decode(residual.encode(moved), 5, 7)
    assert torch.equal(again[:, :, 2:4, 2:4], moved[:, :, 2:4, 2:4])
    assert (again[:, :, :2] != 0).any()


@pytest.mark.parametrize("factor", [0.25, 3.0, 40.0])
def test_faster_motion_is_coded_alike(factor):
    residual, moved = codec(trained=True), fields()
    z, fast = residual.encode(moved), residual.encode(factor * moved)
    torch.testing.assert_close(fast, factor * z, rtol=1e-3, atol=1e-3 * factor)
    torch.testing.assert_close(
        residual.decode(factor * z, 5, 7),
        factor * residual.decode(z, 5, 7),
        rtol=1e-3,
        atol=1e-3 * factor,
    )


def test_neighbours_tell_something_about_a_token_and_other_clips_nothing():
    residual, moved = codec(trained=True), fields()
    z = residual.encode(moved)
    torch.testing.assert_close(residual.encode(moved[1:2]), z[1:2], rtol=1e-4, atol=1e-5)
    changed = moved.clone()
    changed[:, :, 4:] *= -2.0  # the last row of tokens
    assert (residual.encode(changed)[:, :8] - z[:, :8]).abs().max() > 1e-3


def test_every_weight_gets_a_finite_gradient_even_beside_rest():
    residual, moved = codec(trained=True), fields()
    moved[0] = 0.0
    moved[1, :, :2, :2] = 0.0
    again = residual.decode(residual.encode(moved), 5, 7)
    (again - moved).square().mean().backward()
    for name, p in residual.named_parameters():
        assert p.grad is not None, name
        assert torch.isfinite(p.grad).all(), name
        assert p.grad.abs().max() > 0, name


def test_before_training_the_last_layers_already_get_a_gradient():
    residual, moved = codec(trained=False), fields()
    (residual.decode(residual.encode(moved), 5, 7) - moved).square().mean().backward()
    for side in (residual.encoder, residual.decoder):
        assert side.out.weight.grad.abs().max() > 0


def test_a_correction_is_measured_by_what_the_linear_codec_loses():
    residual, moved = codec(trained=False), fields(batch=40, seed=1)
    lost = to_tokens(moved - linear_of(residual).decode(residual.encode(moved), 5, 7), 2)
    whole = lost[:, [0, 1, 2, 4, 5, 6]]  # 5 x 7 cells fill their edge patches with copies
    rms = whole.flatten(2).norm(dim=-1).square().mean().sqrt()
    torch.testing.assert_close(residual.lost, rms, rtol=0.2, atol=0.0)


def test_a_few_steps_get_below_the_linear_codec():
    residual, moved = codec(trained=False), fields(batch=8)
    visible = torch.rand(moved.shape[:4], generator=rng.generator(3)) > 0.2
    optimiser = torch.optim.Adam(residual.parameters(), lr=3e-3)
    history = []
    for _ in range(15):
        again = residual.decode(residual.encode(moved), 5, 7)
        loss = losses.reconstruction(again, moved, visible).mean()
        history.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert history[-1] < 0.9 * history[0]


def test_without_depth_a_system_has_the_tensors_and_weights_it_always_had():
    made = []
    for depth in (0, 2):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made.append(TrajLoom(replace(preset("tiny"), frames=6, codec_depth=depth)))
    linear, residual = (system.state_dict() for system in made)
    assert {name for name in linear if name.startswith("codec")} == {"codec.basis", "codec.scale"}
    assert type(made[0].codec) is LinearCodec
    new = residual.keys() - linear.keys()
    assert linear.keys() < residual.keys()
    parts = ("codec.encoder.", "codec.decoder.", "codec.lost")
    assert all(name.startswith(parts) for name in new)


def test_in_a_system_zero_latents_are_the_mean_exactly():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = TrajLoom(replace(preset("tiny"), frames=6, channels=8, codec_depth=1))
    draw = rng.generator(4)
    for p in system.parameters():
        p.data += 0.05 * torch.randn(p.shape, generator=draw)
    system.codec.basis.copy_(torch.linalg.qr(torch.randn(48, 8, generator=draw)).Q.T)
    place = torch.rand(2, 6, 5, 7, 2, generator=draw) * 1.6 - 0.8
    history = FieldBatch(place, torch.ones(2, 6, 5, 7, dtype=torch.bool), (160, 96))
    cond = system.condition(history)
    rest = torch.zeros(2, *system.latent_shape(cond))
    decoded = system.codec.decode(rest[:, 0], 5, 7)
    assert torch.equal(decoded, torch.zeros_like(decoded))
    xy, logits = system.decode(rest, cond)
    assert torch.isfinite(xy).all()
    assert torch.isfinite(logits).all()
    z = system.encode(FieldBatch(xy, torch.ones(xy.shape[:4], dtype=torch.bool), (160, 96)), cond)
    assert z.mean.abs().max() < 1e-2  # what is the mean has no residual
