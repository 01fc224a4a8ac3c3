from dataclasses import replace

import pytest
import torch
import whn_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from whn_networks import filled, normal

from kinecast.core.errors import UserError
from kinecast.systems.base import Posterior
from kinecast.systems.whn.config import VAEConfig
from kinecast.systems.whn.elbo import elbo
from kinecast.systems.whn.vae import VAE

SMALL = replace(whn_networks.VAE, encoder_depth=4)


@pytest.fixture(scope="module")
def vae():
    return filled(VAE(SMALL))


def features(clips=1):
    return normal(clips, 2, 5, key=2)


@settings(max_examples=15)
@given(
    cells=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    patch=st.integers(1, 2),
    frames=st.integers(1, 4),
    channels=st.integers(1, 5),
    depths=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    batch=st.integers(1, 3),
)
def test_there_and_back_in_any_layout(cells, patch, frames, channels, depths, batch):
    config = VAEConfig(
        grid=(cells[0] * patch, cells[1] * patch),
        patch=patch,
        frames=frames,
        channels=channels,
        width=8,
        heads=2,
        encoder_depth=depths[0],
        decoder_depth=depths[1],
        features=5,
        tokens=(2, 1),
        point_width=4,
    )
    network = filled(VAE(config))
    xy, context = normal(batch, frames, *config.grid, 2), network.context(features())
    posterior = network.encode(xy, context)
    assert posterior.mean.shape == (batch, frames, *cells, channels)
    assert posterior.scale.shape == posterior.mean.shape
    assert (posterior.scale > 0).all()
    decoded = network.decode(posterior.mean, context)
    assert decoded.shape == xy.shape
    assert decoded.dtype == torch.float32
    alone = network.decode(network.encode(xy[-1:], context).mean, context)
    torch.testing.assert_close(decoded[-1:], alone, atol=1e-5, rtol=1e-5)


def test_clips_of_a_batch_do_not_meet(vae):
    xy, f = normal(2, 3, 4, 6, 2), features(2)
    both = vae.context(f)
    z = vae.encode(xy, both).mean
    decoded = vae.decode(z, both)
    for i in range(2):
        own = vae.context(f[i : i + 1])
        torch.testing.assert_close(z[i : i + 1], vae.encode(xy[i : i + 1], own).mean)
        torch.testing.assert_close(decoded[i : i + 1], vae.decode(z[i : i + 1], own))


def test_points_that_stand_still_may_be_given_as_one_frame(vae):
    frame, context = normal(2, 1, 4, 6, 2), vae.context(features())
    one, all_ = (vae.encode(xy, context) for xy in (frame, frame.expand(-1, 3, -1, -1, -1)))
    torch.testing.assert_close(one.mean, all_.mean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(one.scale, all_.scale, atol=1e-6, rtol=1e-5)


def test_a_new_network_reads_each_point_by_itself():
    # every branch's gate is 0 at first
    network, xy = VAE(SMALL), normal(1, 3, 4, 6, 2)
    context = network.context(features())
    moved = xy.clone()
    moved[:, 0, :2, :2] += 1.0
    change = (network.encode(moved, context).mean - network.encode(xy, context).mean).abs().sum(-1)
    assert change[0, 0, 0, 0] > 0
    assert change.count_nonzero() == 1


def test_image_and_time_matter(vae):
    xy, f = normal(1, 3, 4, 6, 2), features()
    context, other = vae.context(f), vae.context(f + 1.0)
    z = vae.encode(xy, context).mean
    assert (z - vae.encode(xy, other).mean).abs().max() > 1e-3
    assert (vae.decode(z, context) - vae.decode(z, other)).abs().max() > 1e-3
    reversed_ = vae.encode(xy.flip(1), context).mean.flip(1)
    assert (z - reversed_).abs().max() > 1e-3


def test_the_decoder_knows_no_time(vae):
    z, context = normal(1, 3, 2, 3, 4), vae.context(features())
    torch.testing.assert_close(
        vae.decode(z, context), vae.decode(z.flip(1), context).flip(1), atol=1e-5, rtol=1e-5
    )


def test_bfloat16_keeps_coordinates_in_float32(vae):
    xy, context = normal(1, 3, 4, 6, 2), vae.context(features())
    exact = vae.decode(vae.encode(xy, context).mean, context)
    with torch.autocast("cpu", torch.bfloat16):
        context = vae.context(features())
        posterior = vae.encode(xy, context)
        decoded = vae.decode(posterior.mean, context)
    assert posterior.mean.dtype == posterior.scale.dtype == decoded.dtype == torch.float32
    assert 0 < (decoded - exact).abs().max() < 0.1 * exact.abs().max()


def test_what_does_not_fit_is_refused(vae):
    context = vae.context(features())
    with pytest.raises(UserError, match=r"points of 3 frames and grid \(4, 6\), got \(2, 4, 6\)"):
        vae.encode(normal(1, 2, 4, 6, 2), context)
    with pytest.raises(UserError, match=r"latents of \(3, 2, 3\), got \(3, 3, 2\)"):
        vae.decode(normal(1, 3, 3, 2, 4), context)
    with pytest.raises(UserError, match=r"\(tokens, channels\) \(2, 5\), got \(2, 4\)"):
        vae.context(normal(1, 2, 4))


def test_the_bound_is_zero_for_a_perfect_copy_of_a_normal_latent():
    xy, zero = normal(2, 3, 4, 6, 2), torch.zeros(2, 3, 2, 3, 4)
    bound, likelihood, divergence = elbo(xy, xy, Posterior(zero, zero + 1.0), beta=1.0)
    assert not bound.any()
    assert not likelihood.any()
    assert not divergence.any()


def test_the_bound_by_hand():
    xy = torch.zeros(1, 1, 1, 1, 2)
    decoded = torch.tensor([0.5, 3.0]).view(1, 1, 1, 1, 2)  # within Huber's delta of 1, and beyond
    mean, std = (torch.full((1, 1, 1, 1, 1), value) for value in (1.0, 2.0))
    bound, likelihood, divergence = elbo(decoded, xy, Posterior(mean, std), beta=0.5)
    torch.testing.assert_close(likelihood.flatten(), torch.tensor([-0.125, -2.5]))
    expected = 0.5 * (4.0 + 1.0 - 1.0) - torch.log(torch.tensor(2.0))
    torch.testing.assert_close(divergence.flatten()[0], expected)
    torch.testing.assert_close(bound[0], (-0.125 - 2.5) / 2 - 0.5 * expected)
