"""WHN through the forecaster: futures of its own grid from one image of any size."""

import numpy as np
import pytest
import torch

from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.forecast.forecaster import Forecaster
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig
from kinecast.systems.whn.system import WHN

LATENT = WHNConfig(
    Layout((48, 32), 8.0, (4.0, 4.0), "dinov2-small"),
    DenoiserConfig(
        grid=(2, 3), frames=4, channels=3, width=8, heads=2, depth=2, features=5, tokens=(2, 1),
        text=7,
    ),
    VAEConfig(
        grid=(4, 6), patch=2, frames=4, channels=3, width=8, heads=2, encoder_depth=2,
        decoder_depth=2, features=5, tokens=(2, 1), point_width=6,
    ),
    (0.5, 1.0, 2.0),
)  # fmt: skip
POINTS = WHNConfig(
    LATENT.layout,
    DenoiserConfig(
        grid=(4, 6), patch=2, frames=4, channels=2, width=8, heads=2, depth=2, features=5,
        tokens=(2, 1), point_width=6,
    ),
)  # fmt: skip
IMAGE = np.random.default_rng(0).integers(0, 255, (64, 120, 3), dtype=np.uint8)


class Encoders:
    """Features that depend on the image and on the text; counts how often it is asked."""

    def __init__(self):
        self.images = 0

    def image(self, features, images):
        self.images += 1
        shade = float(np.stack(images).mean()) / 255
        return shade + torch.randn(1, 2, features.width, generator=generator(1))

    def text(self, features, text):
        return torch.randn(1, 1, features.width, generator=generator(len(text)))


def forecaster(config):
    network = WHN(config)
    for index, parameter in enumerate(network.parameters()):
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator(7, index))
    return Forecaster(network, "whn-small", encoders=Encoders())


@pytest.mark.parametrize(
    ("config", "given"), [(LATENT, {"text": "push"}), (POINTS, {})], ids=["latents", "points"]
)
def test_futures_of_the_models_grid_in_the_images_pixels(config, given):
    model = forecaster(config)
    futures = model.forecast(image=IMAGE, k=3, seed=4, **given)
    assert model.encoders.images == 1
    start = futures.history.xy[0].reshape(4, 6, 2)
    assert start[0, 0].tolist() == [10.0, 8.0]  # (4, 4) of 48x32, in 120x64
    assert start[3, 5].tolist() == [110.0, 56.0]
    assert all(future.xy.shape == (3, 24, 2) and future.size == (120, 64) for future in futures)
    again = model.forecast(image=IMAGE, seed=4, samples=[2], chunk=1, **given)
    np.testing.assert_allclose(again[0].xy, futures[2].xy, atol=1e-3)
    assert np.abs(futures[0].xy - futures[2].xy).max() > 1.0


def test_each_model_says_what_it_takes():
    with pytest.raises(UserError, match=r"whn-small .* text"):
        forecaster(LATENT).forecast(image=IMAGE, k=1)
    with pytest.raises(UserError, match="whn-small forecasts from an image, got"):
        forecaster(POINTS).forecast(image=IMAGE, text="push", k=1)
