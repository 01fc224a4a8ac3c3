"""ZipMo behind the contract: images and pokes in, futures of any points out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from zipmo_networks import CONFIG, close, normal, shaken, uniform

from kinecast.core.cond import Pokes
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.forecast.forecaster import Forecaster
from kinecast.systems.base import FieldBatch, Guided, ImageBatch
from kinecast.systems.zipmo.system import ZipMo

SIZE = (48, 32)


@pytest.fixture(scope="module")
def system() -> ZipMo:
    return shaken(ZipMo(CONFIG))


def _given(b: int = 1, p: int = 2) -> ImageBatch:
    pixels = torch.arange(b * 32 * 48 * 3).view(b, 1, 32, 48, 3).mul(37).remainder(251).byte()
    return ImageBatch(pixels, SIZE, pokes=torch.cat([uniform(b, p, 4), torch.ones(b, p, 1)], -1))


@torch.no_grad()
def test_pokes_and_queries_are_xy(system):
    """Flipping the order of x and y at the border is all that the system does to coordinates."""
    given, queries = _given(), uniform(2, 3, 2)
    cond, z = system.condition(given), normal(1, 9, 4)
    x0, y0, x1, y1, t = given.pokes.unbind(-1)
    tokens = system.planner.poke_tokens(torch.stack([y0, x0, y1, x1, t], dim=-1))
    image = system.see(given).planner[:, 0]
    context = system.planner.context(image, tokens, system.vae.position)
    t = torch.tensor([0.3])
    close(system.velocity(z, t, cond), system.planner(z, t, context))
    xy, logits = system.decode(z, cond, queries)
    assert logits is None
    assert xy.shape == (1, 6, 2, 3, 2)
    flipped = system.tracks(z, cond["decoder"], queries)
    close(xy, flipped)


@torch.no_grad()
def test_samples_of_a_clip_are_those_of_clips_of_their_own(system):
    given, z, t = _given(), normal(3, 9, 4), torch.tensor([0.1, 0.5, 0.8])
    cond = system.condition(given)
    shared = system.velocity(z, t, cond), system.decode(z, cond, uniform(2, 2, 2))[0]
    for k in range(3):
        one = slice(k, k + 1)
        close(shared[0][one], system.velocity(z[one], t[one], cond))
        own = system.decode(z[one], cond, uniform(2, 2, 2))[0]
        close(shared[1][one], own)


@torch.no_grad()
def test_each_image_is_seen_once(system, monkeypatch):
    seen = []
    forward = system.image.forward
    monkeypatch.setattr(system.image, "forward", lambda x: seen.append(len(x)) or forward(x))
    cond = system.condition(_given(b=2))
    z, t = normal(2, 9, 4), torch.zeros(2)
    system.velocity(z, t, system.unconditional(cond))
    system.encode(FieldBatch(uniform(2, 6, 1, 3, 2), torch.ones(2, 6, 1, 3) > 0, SIZE), cond)
    system.decode(z, cond, uniform(1, 2, 2))
    assert seen == [2]


@torch.no_grad()
def test_unconditional_is_the_frame_without_pokes(system):
    assert isinstance(system, Guided)
    z, t = normal(1, 9, 4), torch.tensor([0.4])
    free = system.unconditional(system.condition(_given(p=3)))
    nothing = system.condition(replace(_given(p=3), pokes=torch.zeros(1, 0, 5)))
    close(system.velocity(z, t, free), system.velocity(z, t, nothing))


@torch.no_grad()
def test_a_dense_field_follows_sparse_tracks_through_the_mean(system):
    given, queries = _given(b=2), uniform(3, 4, 2)
    tracks = FieldBatch(uniform(2, 6, 1, 5, 2), torch.ones(2, 6, 1, 5) > 0, SIZE)
    field = system.densify(given, tracks, queries)
    assert field.shape == (2, 6, 3, 4, 2)
    cond = system.condition(given)
    mean = system.encode(tracks, cond).mean
    close(field, system.decode(mean, cond, queries)[0])
    assert not torch.allclose(
        field[0], system.densify(given, replace(tracks, xy=-tracks.xy), queries)[0], atol=1e-3
    )


def test_the_posterior_is_in_the_planners_scale(system):
    cond = system.condition(_given())
    tracks = FieldBatch(uniform(1, 6, 2, 3, 2), torch.ones(1, 6, 2, 3) > 0, SIZE)
    posterior = system.encode(tracks, cond)
    points = tracks.xy.flip(-1).flatten(2, 3).transpose(1, 2)
    latent = system.vae.encode(points, cond["image"])
    c = CONFIG
    close(posterior.mean, (latent.mean - c.shift) * (0.5 / c.scale) ** 0.5)
    close(posterior.scale.square(), latent.logvar.exp() * 0.5 / c.scale)


def test_a_forecast_from_an_image_and_pokes(system):
    image = np.zeros((32, 48, 3), np.uint8)
    image[8:20, 10:30] = 200
    pokes = Pokes.of((12.0, 10.0, 30.0, 20.0), (40.0, 5.0, 41.0, 6.0, 0.5))
    model = Forecaster(system, "tiny")
    ask = {"image": image, "pokes": pokes, "steps": 2, "points": Grid.over(SIZE, 16.0)}
    forecast = model.forecast(k=2, **ask)
    assert (len(forecast), len(forecast[0]), forecast[0].size) == (2, 5, SIZE)
    again = model.forecast(k=2, samples=[1], **ask)
    np.testing.assert_allclose(again[0].xy, forecast[1].xy, atol=1e-3)
    guided = model.forecast(k=2, guidance=3.0, **ask)
    assert not np.allclose(guided[0].xy, forecast[0].xy, atol=1e-2)
    with pytest.raises(UserError, match="at most 5 pokes"):
        model.forecast(image=image, pokes=Pokes.of(*[(1.0, 1.0, 2.0, 2.0)] * 6), k=1)


def test_a_vae_alone_densifies_and_does_not_forecast():
    alone = shaken(ZipMo(replace(CONFIG, planner=None)))
    tracks = FieldBatch(uniform(1, 6, 1, 5, 2), torch.ones(1, 6, 1, 5) > 0, SIZE)
    with torch.no_grad():
        assert alone.densify(_given(), tracks, uniform(2, 2, 2)).isfinite().all()
    with pytest.raises(UserError, match="expected weights of a ZipMo planner"):
        alone.condition(_given())


def test_weights_without_an_encoder_ask_for_its_tokens():
    bare = shaken(ZipMo(replace(CONFIG, image=None)))
    assert bare.needs.features is not None
    assert bare.needs.features.size == (42, 42)
    with pytest.raises(UserError, match="expected image features"):
        bare.condition(_given())
    cond = bare.condition(replace(_given(), features=normal(1, 1, 9, 24)))
    assert bare.velocity(normal(1, 9, 4), torch.zeros(1), cond).shape == (1, 9, 4)


def test_half_precision_keeps_positions_exact(system):
    """Under autocast latents differ by rounding, and positions are not cut to 8 bits."""
    cond, z, t = system.condition(_given()), normal(1, 9, 4), torch.tensor([0.5])
    with torch.autocast("cpu", torch.bfloat16):
        half = system.condition(_given())
        velocity = system.velocity(z, t, half)
        xy = system.decode(z, half, uniform(2, 2, 2))[0]
    exact = system.velocity(z, t, cond)
    assert velocity.dtype == xy.dtype == torch.float32
    assert (velocity - exact).abs().max() < 0.05 * exact.abs().max()
    assert not torch.equal(xy, xy.bfloat16().float())


def test_a_configuration_comes_back_and_mistakes_are_named(system):
    section = system.to_config()
    assert ZipMo.from_config(section).config == CONFIG
    with pytest.raises(UserError, match="got 'plannr'; did you mean planner"):
        ZipMo.from_config({**section, "plannr": None})
    with pytest.raises(UserError, match="expected shift in the configuration of zipmo"):
        ZipMo.from_config({k: v for k, v in section.items() if k != "shift"})
    with pytest.raises(UserError, match="expected a planner of the VAE's latent channels"):
        ZipMo.from_config({**section, "planner": {**section["planner"], "channels": 5}})
    with pytest.raises(UserError, match="expected a DINOv2 of 24 channels"):
        ZipMo.from_config({**section, "image": {**section["image"], "width": 32}})
