"""Clips in memory, and ZipMo networks so small that a test can train them."""

from dataclasses import replace

import torch

from kinecast.core import rng
from kinecast.encoders.words import Words
from kinecast.nn.vit import ViTConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.policy import PolicyConfig
from kinecast.systems.zipmo.vae import VAEConfig
from kinecast.train.image_item import ImageItem
from kinecast.train.recipe import ImageData, Optim
from kinecast.train.zipmo_model import PokeModel, PolicyModel, TextModel, VAEModel, network

CPU = torch.device("cpu")
SIZE = (24, 18)
FRAMES, POINTS = 3, 16
VAE = VAEConfig(32, 2, 16, 1, 1, channels=4, grid=(1, 2, 2), image_grid=(2, 2))
SHARED = {
    "vae": VAE,
    "image": ViTConfig(16, 1, 1, patch=6, side=2),
    "frames": FRAMES,
    "tracks": 6,
    "unlock": 0,
    "samples": 2,
}
PLANNER = PlannerConfig(32, 2, 2, 16, poke_width=32, time_width=16, channels=4, pokes=4)
LIBERO = LiberoConfig(
    32, 2, 2, 16, text_width=256, text_heads=4, text_depth=1, time_width=16, channels=4,
    start_time=True,
)  # fmt: skip
POLICY = PolicyConfig(32, 2, 1, horizon=FRAMES, channels=4)
OPTIM = Optim(1, 2, 1e-3)


def vae_model(**changes):
    shared = {k: v for k, v in SHARED.items() if k != "samples"}
    return VAEModel(**{**shared, **changes})


def poke_model(**changes):
    return PokeModel(**{**SHARED, "planner": PLANNER, **changes})


def text_model(**changes):
    return TextModel(**{**SHARED, "planner": LIBERO, **changes})


def policy_model(**changes):
    return PolicyModel(**{**SHARED, "planner": LIBERO, "policy": POLICY, "steps": 2, **changes})


def network_of(model, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return network(model, "words")


def clips(count=4, views=1, seed=0, points=POINTS):
    """Points of each clip glide by a common step; texts, states and actions of a robot."""
    draw = rng.generator(seed, 7)
    size = torch.tensor(SIZE)
    start = torch.rand(count, views, 1, points, 2, generator=draw) * size
    step = 2.0 * torch.randn(count, views, 1, 1, 2, generator=draw)
    texts = tuple(f"go {i}" for i in range(count))
    return ImageItem(
        xy=start + torch.arange(FRAMES).view(-1, 1, 1) * step,
        visible=torch.ones(count, views, FRAMES, points, dtype=torch.bool),
        pixels=torch.randint(
            0, 256, (count, views, *SIZE[::-1], 3), generator=draw, dtype=torch.uint8
        ),
        texts=texts,
        size=SIZE,
        grid=None,
        text=Words().encode(texts),
        states=torch.randn(count, FRAMES, 9, generator=draw),
        actions=torch.randn(count, FRAMES, 7, generator=draw),
        steps=torch.arange(count),
    )


class Pool:
    """The same few clips for training and validation."""

    clips_of_one_size, passes = 4, 1

    def __init__(self, views=1, **changes):
        self.item = clips(views=views, **changes)
        self.data = ImageData(reuse=1, views=views)

    def batch(self, step, batch, *keys):
        return self.take(0, torch.arange(batch) % len(self.item))

    def take(self, number, indices):
        some = {k: v[indices] for k, v in self.item.tensors().items()}
        return replace(self.item, texts=tuple(self.item.texts[i] for i in indices), **some)

    def validation(self, batch=16):
        return [self.item]
