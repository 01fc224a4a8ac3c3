"""Tiny ZipMo networks whose every weight is off its initial value."""

import torch
from torch import nn

from kinecast.core import rng
from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.vae import VAEConfig

VAE_CONFIG = VAEConfig(
    width=32,
    heads=2,
    image_width=24,
    encoder_depth=1,
    decoder_depth=2,
    channels=4,
    grid=(1, 3, 3),
    image_grid=(3, 3),
)
PLANNER_CONFIG = PlannerConfig(
    width=48,
    heads=3,
    depth=2,
    image_width=24,
    poke_width=40,
    time_width=16,
    channels=4,
    pokes=5,
)
IMAGE_CONFIG = ViTConfig(24, depth=1, heads=2, patch=4, registers=2, side=5, antialias=True)
CONFIG = ZipMoConfig(VAE_CONFIG, IMAGE_CONFIG, frames=6, planner=PLANNER_CONFIG)


def shaken(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network, its parameters moved; the positions that are buffers stay."""
    draw = rng.generator(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=draw))
    return network.eval()


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=rng.generator(seed, *shape))


def uniform(*shape: int, seed: int = 0) -> torch.Tensor:
    """Uniform numbers in [-1, 1]."""
    return 2 * torch.rand(shape, generator=rng.generator(seed, *shape)) - 1


def close(ours: torch.Tensor, expected: torch.Tensor) -> None:
    """Equal up to rounding: 1e-5 of the largest."""
    largest = expected.abs().max().item() if expected.numel() else 0.0
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5 * largest)
