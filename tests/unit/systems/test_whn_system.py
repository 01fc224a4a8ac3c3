import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from whn_networks import LATENTS as DENOISER
from whn_networks import VAE, filled, normal

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.flow.sampler import euler, uniform_times
from kinecast.systems.base import FieldBatch, ImageBatch
from kinecast.systems.registry import build
from kinecast.systems.whn import protocol
from kinecast.systems.whn.config import Layout, WHNConfig
from kinecast.systems.whn.presets import LIBERO_SCALES, published
from kinecast.systems.whn.system import WHN

LAYOUT = Layout((48, 32), 8.0, (2.5, 2.5), "dinov2-large")
LATENT = WHNConfig(LAYOUT, DENOISER, VAE, (0.5, 1.0, 2.0, 4.0))
TEXT = replace(LATENT, denoiser=replace(DENOISER, text=7))
POINTS = WHNConfig(LAYOUT, replace(DENOISER, grid=(4, 6), patch=2, channels=2, point_width=6), None)
CONFIGS = pytest.mark.parametrize(
    "config", [LATENT, TEXT, POINTS], ids=["latents", "text", "points"]
)


def system(config):
    return filled(WHN(config))


def given(config, clips=1):
    d, (W, H) = config.denoiser, config.layout.size
    return ImageBatch(
        pixels=torch.zeros(clips, 1, H, W, 3, dtype=torch.uint8),
        size=(W, H),
        features=normal(clips, 1, d.tokens[0] * d.tokens[1], d.features, key=2),
        text=None if d.text is None else normal(clips, 1, d.text, key=3),
    )


def sample(network, cond, noise, steps=4):
    state = network.source(noise, cond)
    pin = network.pin(cond)
    return euler(lambda z, t: network.velocity(z, t, cond), state, uniform_times(steps), pin)


@CONFIGS
def test_samples_of_one_clip_share_its_condition(config):
    network = system(config)
    cond = network.condition(given(config))
    noise = normal(3, *network.latent_shape(cond), key=5)
    xy, logits = network.decode(sample(network, cond, noise), cond)
    assert logits is None
    assert xy.shape == (3, network.needs.frames, 4, 6, 2)
    alone, _ = network.decode(sample(network, cond, noise[1:2]), cond)
    torch.testing.assert_close(xy[1:2], alone, atol=1e-5, rtol=1e-5)


@CONFIGS
def test_the_first_frame_is_held_where_it_started(config):
    network = system(config)
    cond = network.condition(given(config))
    noise = normal(2, *network.latent_shape(cond), key=5)
    state, z = network.source(noise, cond), sample(network, cond, noise)
    assert torch.equal(z[:, 0], state[:, 0])
    assert (z[:, 1:] != state[:, 1:]).any()
    assert torch.equal(state[:, 1:], noise[:, 1:])


def test_points_start_on_the_grid():
    network = system(POINTS)
    cond = network.condition(given(POINTS))
    z = sample(network, cond, normal(2, 3, 4, 6, 2, key=5))
    xy, _ = network.decode(z, cond)
    start = coords.denormalise(xy[:, 0], LAYOUT.size)
    expected = torch.from_numpy(Grid(4, 6, 8.0, (2.5, 2.5)).points()).expand(2, -1, -1, -1)
    torch.testing.assert_close(start, expected)


def test_the_first_latent_is_a_sample_of_the_still_grids_posterior():
    network = system(LATENT)
    cond = network.condition(given(LATENT))
    still = network.start.expand(1, 3, -1, -1, -1)
    batch = FieldBatch(still, torch.ones(1, 3, 4, 6, dtype=torch.bool), LAYOUT.size)
    posterior = network.encode(batch, cond)
    noise = normal(1, 3, 2, 3, 4, key=5)
    expected = posterior.mean[:, :1] + posterior.scale[:, :1] * noise[:, :1]
    torch.testing.assert_close(network.source(noise, cond)[:, :1], expected, atol=1e-6, rtol=1e-5)


def test_latents_are_in_units_of_their_scale():
    network = system(LATENT)
    cond = network.condition(given(LATENT))
    xy = normal(1, 3, 4, 6, 2, key=4)
    batch = FieldBatch(xy, torch.ones(1, 3, 4, 6, dtype=torch.bool), LAYOUT.size)
    z, raw = network.encode(batch, cond), network.vae.encode(xy, cond["vae"])
    torch.testing.assert_close(z.mean * torch.tensor(LATENT.scale), raw.mean)
    torch.testing.assert_close(z.scale * torch.tensor(LATENT.scale), raw.scale)
    torch.testing.assert_close(
        network.decode(z.mean, cond)[0], network.vae.decode(raw.mean, cond["vae"])
    )


def test_points_are_their_own_latents():
    network = system(POINTS)
    cond = network.condition(given(POINTS))
    xy = normal(1, 3, 4, 6, 2, key=4)
    batch = FieldBatch(xy, torch.ones(1, 3, 4, 6, dtype=torch.bool), LAYOUT.size)
    posterior = network.encode(batch, cond)
    assert torch.equal(posterior.mean, xy)
    assert not posterior.scale.any()
    assert torch.equal(network.decode(posterior.mean, cond)[0], xy)


@CONFIGS
def test_a_checkpoint_configuration_builds_the_same_network(config):
    network = system(config)
    section = json.loads(json.dumps(network.to_config()))
    copy = build({"format": 1, "system": "whn", "model": section})
    copy.load_state_dict(network.state_dict())
    assert copy.config == config
    assert copy.needs == network.needs


def test_needs_say_what_it_takes():
    needs = WHN(TEXT).needs
    assert (needs.condition, needs.frames, needs.steps, needs.frame) == ("image", 3, 9, (48, 32))
    assert needs.grid == Grid(4, 6, 8.0, (2.5, 2.5))
    assert (needs.features.encoder, needs.features.width) == ("dinov2-large", 5)
    assert (needs.text.encoder, needs.text.width) == ("bert", 7)
    assert WHN(POINTS).needs.text is None


def test_wrong_configurations_are_refused():
    section = WHN(LATENT).to_config()
    with pytest.raises(UserError, match="expected the fields layout, denoiser, vae, scale"):
        WHN.from_config(section | {"latents": 3})
    with pytest.raises(UserError, match=r"expected the fields grid, patch, .* in denoiser"):
        WHN.from_config(section | {"denoiser": {"grid": [2, 3]}})
    with pytest.raises(UserError, match="got a denoiser of latents alone"):
        replace(LATENT, vae=None)
    with pytest.raises(UserError, match="got a denoiser of points with a VAE"):
        replace(POINTS, vae=VAE)
    with pytest.raises(UserError, match="use networks that were trained together"):
        replace(LATENT, vae=replace(VAE, frames=4))
    with pytest.raises(UserError, match="a scale > 0 of each of 4 latent channels"):
        replace(LATENT, scale=(1.0, 2.0))
    with pytest.raises(UserError, match="points inside the frame"):
        replace(LATENT, layout=replace(LAYOUT, stride=10.0))


def test_an_image_without_features_is_refused():
    network = system(POINTS)
    with pytest.raises(UserError, match="expected features of the image"):
        network.condition(replace(given(POINTS), features=None))


def test_published_layouts():
    kubric = published("kubric", "S", (1.0,) * 8)
    assert (kubric.denoiser.width, kubric.denoiser.heads, kubric.denoiser.depth) == (192, 3, 8)
    assert kubric.vae.width == 384  # one VAE for all sizes
    assert kubric.grid.points()[0, 1].tolist() == [8.5, 0.5]
    libero = published("libero-atm")
    assert libero.scale == LIBERO_SCALES["libero-atm"]
    assert libero.grid.points()[-1, -1].tolist() == [127.5, 127.5]
    physics = published("physics101")
    assert physics.grid.points()[-1, -1].tolist() == [458.5, 250.5]
    cityscapes = published("cityscapes", "L")
    assert cityscapes.grid.points().shape == (56, 112, 2)
    assert cityscapes.denoiser.tokens == (32, 16)  # as published: the image has 16 rows of 32
    assert published("physion").grid.points()[0, 0].tolist() == [2.5, 2.5]


def test_unknown_presets_are_refused():
    with pytest.raises(UserError, match=r"got 'kubrik'; did you mean kubric\?"):
        published("kubrik")
    with pytest.raises(UserError, match="expected size S, B, L, got 'XL'"):
        published("physion", "XL")
    with pytest.raises(UserError, match="a scale > 0 of each of 8 latent channels"):
        published("kubric", "B")


def test_learning_rates_rise_and_fall_where_they_should():
    linear = [protocol.warm_up(1.0, 4, n) for n in range(6)]
    assert linear == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    cosine = [protocol.warm_up_cosine(1.0, 0.1, 4, 8, n) for n in range(9)]
    np.testing.assert_allclose(cosine[:5], [0.1, 0.325, 0.55, 0.775, 1.0])
    np.testing.assert_allclose([cosine[6], cosine[8]], [0.5, 0.0], atol=1e-12)


def test_benchmark_seeds_do_not_depend_on_how_many():
    seeds = protocol.benchmark_seeds(65)
    assert seeds[:2].tolist() == [1608637542, 3421126067]
    assert (seeds[:7] == protocol.benchmark_seeds(7)).all()
