from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.rng import generator
from kinecast.systems.trajloom.cells import anchors, from_offsets, to_offsets
from kinecast.systems.trajloom.vae import VAE, Compress, Expand, VAEConfig

CONFIG = VAEConfig(
    grid=(2, 3),
    frames=9,
    latent_channels=4,
    width=16,
    heads=2,
    encoder_depth=4,
    decoder_depth=4,
    position_width=8,
)


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def network(config=CONFIG):
    net = VAE(config)
    for index, parameter in enumerate(net.parameters()):
        parameter.data += 0.1 * normal(*parameter.shape, key=1000 + index)
    return net.eval()


def test_it_starts_at_the_anchors():
    offsets, posterior = VAE(CONFIG)(normal(2, 9, 2, 3, 2))
    assert (offsets == 0).all()
    assert posterior.mean.shape == (2, 3, 6, 4)


def test_the_scale_is_positive_and_noise_is_spread_by_it():
    net, x, noise = network(), normal(2, 9, 2, 3, 2), normal(2, 3, 6, 4, key=1)
    drawn, posterior = net(x, noise)
    assert (posterior.scale > 0).all()
    torch.testing.assert_close(drawn, net.decode(posterior.mean + posterior.scale * noise))
    torch.testing.assert_close(net(x)[0], net.decode(posterior.mean))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(CONFIG, stride=1),
        replace(CONFIG, stride=2, encoder_depth=6, decoder_depth=2),
        replace(CONFIG, encoder_depth=5, decoder_depth=3),
    ],
    ids=["published", "every frame", "uneven", "odd halves"],
)
def test_shapes_and_gradients_of_other_sizes(config):
    net, x = network(config), normal(1, 9, 2, 3, 2)
    offsets, posterior = net(x, normal(1, config.steps, 6, 4, key=1))
    assert offsets.shape == x.shape
    assert posterior.mean.shape == (1, config.steps, 6, 4)
    offsets.square().mean().backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None]


def test_a_segment_does_not_depend_on_its_batch():
    net, x = network(), normal(3, 9, 2, 3, 2)
    torch.testing.assert_close(net.encode(x).mean[1:2], net.encode(x[1:2]).mean)


def test_steps_look_both_ways_around_their_frame():
    compress = Compress(4, 4)
    x = normal(1, 9, 2, 4)
    for step, frames in enumerate(([0, 1, 2, 3], [1, 2, 3, 4, 5, 6, 7], [5, 6, 7, 8])):
        seen = []
        for frame in range(9):
            changed = x.clone()
            changed[:, frame] += 1
            if not torch.allclose(compress(changed)[:, step], compress(x)[:, step]):
                seen.append(frame)
        assert seen == frames


@settings(deadline=None, max_examples=15)
@given(factor=st.integers(2, 5), steps=st.integers(1, 4))
def test_compress_and_expand_are_inverse_in_length(factor, steps):
    x = normal(1, steps, 2, 4)
    longer = Expand(4, factor)(x)
    assert longer.shape == (1, 1 + (steps - 1) * factor, 2, 4)
    assert Compress(4, factor)(longer).shape == x.shape


def test_another_window_is_refused():
    net = network()
    with pytest.raises(UserError, match=r"window of \(9, 2, 3\).*got \(8, 2, 3\)"):
        net.encode(normal(1, 8, 2, 3, 2))
    with pytest.raises(UserError, match=r"window of \(3, 6\).*got \(2, 6\)"):
        net.decode(normal(1, 2, 6, 4))
    with pytest.raises(UserError, match="1 \\+ a multiple of 4 frames, got frames=8"):
        replace(CONFIG, frames=8)


def test_anchors_are_the_centres_of_the_cells_of_a_grid_that_tiles_the_frame():
    points = Grid.over((96, 64), stride=32.0).points()
    expected = torch.from_numpy(2 * points / [96, 64] - 1).float()
    torch.testing.assert_close(anchors(2, 3), expected)


def test_offsets_come_back():
    xy = normal(2, 9, 2, 3, 2)
    torch.testing.assert_close(from_offsets(to_offsets(xy)), xy)
    assert (to_offsets(anchors(2, 3).expand(1, 4, 2, 3, 2)) == 0).all()
