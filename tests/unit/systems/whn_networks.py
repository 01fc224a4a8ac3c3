"""WHN at sizes of a few numbers, with weights that are drawn."""

import torch

from kinecast.core.rng import generator
from kinecast.systems.whn.config import DenoiserConfig, VAEConfig

VAE = VAEConfig(
    grid=(4, 6),
    patch=2,
    frames=3,
    channels=4,
    width=8,
    heads=2,
    encoder_depth=2,
    decoder_depth=2,
    features=5,
    tokens=(2, 1),
    point_width=6,
)
LATENTS = DenoiserConfig(
    grid=(2, 3), frames=3, channels=4, width=8, heads=2, depth=2, features=5, tokens=(2, 1)
)


def normal(*shape, key=0):
    return torch.randn(shape, generator=generator(key))


def filled(network, spread=0.4):
    for index, parameter in enumerate(network.parameters()):
        parameter.data = spread * normal(*parameter.shape, key=100 + index)
    return network.eval()
