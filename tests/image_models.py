"""Small image models with random weights, as checkpoint folders, and an encoder for WHN."""

import json

import safetensors.torch
import torch

from kinecast.core import rng
from kinecast.encoders.dinov2_keys import ORIGINAL, vit_keys
from kinecast.io.checkpoint import save_checkpoint
from kinecast.nn.vit import ViT, ViTConfig
from kinecast.systems.registry import build
from kinecast.systems.whn.config import DenoiserConfig, Layout, WHNConfig
from kinecast.systems.whn.system import WHN
from kinecast.systems.zipmo.config import ZipMoConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.policy import PolicyConfig
from kinecast.systems.zipmo.system import ZipMo
from kinecast.systems.zipmo.vae import VAEConfig

WIDTH = 64
VIT = ViTConfig(width=WIDTH, depth=1, heads=1, registers=1, side=4, antialias=True)
VAE = VAEConfig(
    width=WIDTH, heads=1, image_width=WIDTH, encoder_depth=1, decoder_depth=1, channels=4,
    grid=(1, 4, 4), image_grid=(4, 4),
)  # fmt: skip
COMMON = {"width": WIDTH, "heads": 1, "depth": 1, "image_width": WIDTH, "time_width": 16}


def whn(folder, frames=6, text=None):
    """A denoiser of 6x8 points of a 64x48 frame, without a VAE."""
    layout = Layout((64, 48), 8.0, (0.5, 0.5), "dinov2-small", encoder_size=(56, 42))
    denoiser = DenoiserConfig(
        grid=(6, 8), patch=2, frames=frames, channels=2, width=32, heads=2, depth=2,
        features=WIDTH, tokens=(3, 4), text=text, point_width=8,
    )  # fmt: skip
    return _write(folder, "whn", WHN, WHNConfig(layout, denoiser))


def zipmo(folder, frames=8, pokes=4, fill=True):
    """A planner of pokes with its VAE and its encoder."""
    planner = PlannerConfig(**COMMON, poke_width=WIDTH, channels=4, pokes=pokes, fill=fill)
    return _write(
        folder, "zipmo", ZipMo, ZipMoConfig(VAE, planner=planner, image=VIT, frames=frames)
    )


def zipmo_libero(folder, frames=8):
    """A planner of two views and an instruction, which is told the episode's step."""
    planner = LiberoConfig(
        **COMMON, text_width=WIDTH, text_heads=1, text_depth=1, channels=4, start_time=True
    )
    config = ZipMoLiberoConfig(VAE, planner=planner, image=VIT, frames=frames)
    return _write(folder, "zipmo-libero", ZipMoLibero, config)


def zipmo_policy(folder):
    """A policy on a planner of two views and an instruction in words."""
    planner = LiberoConfig(**COMMON, text_width=256, text_heads=4, text_depth=1, channels=4)
    policy = PolicyConfig(width=WIDTH, heads=1, depth=1, channels=4)
    config = ZipMoLiberoConfig(
        VAE, planner=planner, policy=policy, image=VIT, frames=8, text_encoder="words"
    )
    return _write(folder, "zipmo-libero", ZipMoLibero, config)


def dinov2(folder):
    """A folder of a tiny DINOv2 as transformers keep them, of the channels of `whn`."""
    config = ViTConfig(width=WIDTH, depth=1, heads=1, side=4)
    keys, state = vit_keys(config, ORIGINAL), _seeded(ViT, config).state_dict()
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 1}))
    tensors = {theirs: state[ours] for ours, (theirs,) in keys.items()}
    safetensors.torch.save_file(tensors, folder / "model.safetensors")
    return str(folder)


def _write(folder, name, network, config):
    """Zeros, which would forecast nothing, become small random numbers."""
    system, draws = _seeded(network, config), rng.generator(0)
    state = {
        key: value if value.any() else 0.1 * torch.randn(value.shape, generator=draws)
        for key, value in system.state_dict().items()
    }
    config = json.loads(json.dumps({"format": 1, "system": name, "model": system.to_config()}))
    build(config).load_state_dict(state)
    save_checkpoint(folder, config, state, "a test")
    return str(folder)


def _seeded(network, config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return network(config)
