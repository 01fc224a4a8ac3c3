"""One tiny system of every kind, each weight off its initial value."""

from dataclasses import replace

import torch

from kinecast.core import rng
from kinecast.nn.vit import ViTConfig
from kinecast.systems.trajloom.config import preset
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.paper import PaperConfig, PaperTrajLoom
from kinecast.systems.trajloom.system import TrajLoom
from kinecast.systems.trajloom.vae import VAEConfig as TrajLoomVAE
from kinecast.systems.trajloom.visibility import VisibilityConfig
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig
from kinecast.systems.whn.system import WHN
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.system import ZipMo
from kinecast.systems.zipmo.vae import VAEConfig as ZipMoVAE

SMALL = replace(preset("tiny"), frames=12, channels=16)
PAPER = PaperConfig(
    TrajLoomVAE(
        grid=(3, 4), frames=9, latent_channels=4, width=32, heads=2, encoder_depth=4,
        decoder_depth=4, position_width=8,
    ),
    GeneratorConfig(
        latent_channels=4, latent_steps=3, history_channels=4, video_channels=4,
        text_channels=None, grid=(3, 4), width=32, heads=2, depth=4, future_start=9,
    ),
    VisibilityConfig(latent_channels=4, width=8),
    frame=(64, 48),
)  # fmt: skip
LAYOUT = Layout((48, 32), 8.0, (4.0, 4.0), "dinov2-small", encoder_size=(42, 28))
LATENT = WHNConfig(
    LAYOUT,
    DenoiserConfig(
        grid=(2, 3), frames=4, channels=3, width=16, heads=2, depth=4, features=5, tokens=(2, 3),
        text=7,
    ),
    VAEConfig(
        grid=(4, 6), patch=2, frames=4, channels=3, width=16, heads=2, encoder_depth=2,
        decoder_depth=2, features=5, tokens=(2, 3), point_width=6,
    ),
    (0.5, 1.0, 2.0),
)  # fmt: skip
POINTS = WHNConfig(
    LAYOUT,
    DenoiserConfig(
        grid=(4, 6), patch=2, frames=4, channels=2, width=16, heads=2, depth=4, features=5,
        tokens=(2, 3), point_width=6,
    ),
)  # fmt: skip
MOTION = ZipMoVAE(
    width=32, heads=2, image_width=24, encoder_depth=1, decoder_depth=2, channels=4,
    grid=(1, 3, 3), image_grid=(3, 3),
)  # fmt: skip
IMAGE = ViTConfig(24, depth=1, heads=2, patch=4, registers=2, side=5, antialias=True)
PLANNER = {"width": 48, "heads": 3, "depth": 2, "image_width": 24, "time_width": 16, "channels": 4}
POKES = ZipMoConfig(
    MOTION, IMAGE, frames=6, planner=PlannerConfig(**PLANNER, poke_width=40, pokes=5)
)
LIBERO = ZipMoLiberoConfig(
    MOTION,
    IMAGE,
    frames=6,
    planner=LiberoConfig(**PLANNER, text_width=40, text_heads=1, text_depth=1, start_time=True),
)
KINDS = {
    "trajloom": (TrajLoom, SMALL),
    "trajloom-paper": (PaperTrajLoom, PAPER),
    "whn": (WHN, LATENT),
    "whn-points": (WHN, POINTS),
    "zipmo": (ZipMo, POKES),
    "zipmo-libero": (ZipMoLibero, LIBERO),
}


def tiny_system(name, shaken=0.1):
    """The same weights on each call; `shaken` is the size of the numbers added to them."""
    network, config = KINDS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        system = network(config)
    draws = rng.generator(1)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(shaken * torch.randn(parameter.shape, generator=draws))
        if name == "trajloom":
            basis = torch.randn(system.codec.basis.T.shape, generator=draws)
            system.codec.basis.copy_(torch.linalg.qr(basis).Q.T)
    return system.eval()
