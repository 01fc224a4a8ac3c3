"""Recipes of ZipMo: its VAE, its planners of pokes and of texts, its policy.

    vae      sparse tracks, reconstructed given their image; then mean and variance of its latents
    planner  the flow of latents, given an image and pokes, or a text
    policy   actions from plans

A planner trains a VAE first, a policy both, unless they are given (`--vae`). Hyper-parameters at
size=paper: ZipMo, appendix B, table F; what it leaves open (when the batch grows and the image
encoder is unlocked, noise and dropouts on LIBERO, the policy's rate) and all other sizes are ours.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from kinecast.io.checkpoint import save_checkpoint
from kinecast.nn.vit import ViTConfig
from kinecast.systems.registry import FORMAT
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.planner import PlannerConfig
from kinecast.systems.zipmo.policy import PolicyConfig
from kinecast.systems.zipmo.vae import VAEConfig
from kinecast.train.image_card import image_card
from kinecast.train.images import ImageClips
from kinecast.train.recipe import ImageData, Optim, Recipe
from kinecast.train.stage import Stage
from kinecast.train.zipmo_data import DemoData, check_data, demonstrations, open_set, robots, told
from kinecast.train.zipmo_model import (
    PokeModel,
    PolicyModel,
    TextModel,
    TrainedLibero,
    TrainedZipMo,
    VAEModel,
    network,
)
from kinecast.train.zipmo_planner import PokeStage
from kinecast.train.zipmo_policy import PolicyStage
from kinecast.train.zipmo_text import TextStage
from kinecast.train.zipmo_vae import VAEStage

SIZES = ("tiny", "small", "base", "paper")
WHAT = {
    VAEModel: "A VAE of motion: it forecasts nothing by itself; it makes sparse tracks dense.",
    PokeModel: "Futures of any points over {frames} frames from one image and pokes, in samples.",
    TextModel: "Futures of any points of {views} views over {frames} frames from a text.",
    PolicyModel: "Actions of a robot, and futures of any points of {views} views, from a text.",
}
LIMITS = (
    "the weights know the worlds they were trained on; how far they carry over to other pictures "
    "was not measured. They say nothing of which points will be seen."
)


def vae(size: str) -> Recipe:
    """The VAE."""
    return Recipe(
        "zipmo-vae", size, VAEModel(**_shared(size)), _optim(size, ("vae",)), open_set(size)
    )


def sparse(size: str) -> Recipe:
    """VAE, and a planner of up to 16 pokes."""
    return _poked("zipmo-sparse", size, pokes=16, fill=True)


def dense(size: str) -> Recipe:
    """VAE, and a planner of exactly 40 pokes."""
    return _poked("zipmo-dense", size, pokes=40, fill=False)


def text(size: str) -> Recipe:
    """VAE, and a planner of two views that a text tells."""
    model = TextModel(**_shared(size), planner=_libero(size))
    optim = _optim(size, ("vae", "planner"), views=2)
    return Recipe("zipmo-text", size, model, optim, told(size))


def policy(size: str) -> Recipe:
    """VAE, planner of two views that also knows the episode's step, and a policy."""
    planner = _libero(size, start_time=True)
    widths = {"tiny": (64, 2, 2), "small": (256, 4, 4), "base": (512, 8, 6), "paper": (768, 12, 6)}
    width, heads, depth = widths[size]
    model = PolicyModel(
        **_shared(size),
        planner=planner,
        frame_noise=0.0 if size == "tiny" else 0.05,
        drop_frame=0.1 if size == "paper" else 0.0,
        policy=PolicyConfig(width, heads, depth, horizon=_T[size], channels=planner.channels),
        steps=4 if size == "tiny" else 10,
    )
    data = DemoData(**vars(robots(size)))
    optim = _optim(size, ("vae", "planner", "policy"), views=2)
    return Recipe("zipmo-policy", size, model, optim, data)


def build(recipe: Recipe, pool: ImageClips, device: torch.device) -> "ZipMoPlan":
    """The networks of the recipe."""
    return ZipMoPlan(recipe, pool, device)


_T = {"tiny": 6, "small": 16, "base": 16, "paper": 16}  # actions of a prediction


def _shared(size: str) -> dict[str, Any]:
    """The VAE and its image encoder."""
    if size == "tiny":
        vae = VAEConfig(64, 4, 48, 2, 2, channels=8, grid=(1, 6, 6), image_grid=(6, 6))
        image = ViTConfig(48, 2, 2, patch=8, side=6)
        start = {"theta": 8.0, "logvar": -4.0, "unlock": 0}
        return {"vae": vae, "image": image, "frames": 6, **start}
    dino = {"small": (384, 12, 6), "base": (768, 12, 12), "paper": (768, 12, 12)}[size]
    width, heads, depth = {"small": (256, 4, 4), "base": (512, 8, 8), "paper": (768, 12, 12)}[size]
    paper = size == "paper"
    return {
        "vae": VAEConfig(width, heads, dino[0], depth, depth),
        "image": ViTConfig(*dino, registers=4, antialias=True),
        "image_weights": f"dinov2-with-registers-{'small' if size == 'small' else 'base'}",
        "unlock": 266_667 if paper else None,  # when the batch has grown once
        "two_images": paper,
    }


def _poked(name: str, size: str, pokes: int, fill: bool) -> Recipe:
    shared = _shared(size)
    width, heads, depth, time = _flow(size)
    planner = PlannerConfig(
        width,
        heads,
        depth,
        shared["vae"].image_width,
        poke_width=768 if size == "paper" else width,
        time_width=time,
        channels=shared["vae"].channels,
        pokes=pokes,
        fill=fill,
    )
    model = PokeModel(**shared, planner=planner, early=0.0 if size == "paper" else 0.25)
    return Recipe(name, size, model, _optim(size, ("vae", "planner")), open_set(size))


def _libero(size: str, *, start_time: bool = False) -> LiberoConfig:
    shared = _shared(size)
    width, heads, depth, time = _flow(size)
    tiny = size == "tiny"
    return LiberoConfig(
        width,
        heads,
        depth,
        shared["vae"].image_width,
        text_width=256 if tiny else 768,  # of `encoders.words`, of BERT
        text_heads=4 if tiny else 12,
        text_depth=1 if tiny else 6,
        time_width=time,
        channels=shared["vae"].channels,
        start_time=start_time,
    )


def _flow(size: str) -> tuple[int, int, int, int]:
    """Width, heads and depth of a planner, and the width of its time code."""
    return {
        "tiny": (64, 4, 4, 32),
        "small": (256, 4, 8, 128),
        "base": (512, 8, 16, 256),
        "paper": (1024, 16, 24, 256),
    }[size]


def _optim(size: str, stages: tuple[str, ...], views: int = 1) -> dict[str, Optim]:
    published = Optim(
        0, 256, 1e-4, warmup=300, schedule="wsd", weight_decay=0.01, betas=(0.9, 0.95), ema=0.0
    )
    paper = {
        "vae": replace(published, steps=800_000, first_batch=64),
        "planner": replace(published, steps=700_000, batch=2048, first_batch=512, floor=1.0),
        "policy": replace(published, steps=100_000),
    }
    if size == "paper":
        return {name: paper[name] for name in stages}
    steps, batches, rate = {
        "tiny": ((1_000, 1_200, 600), (4 // views, 8, 8), 2e-3),
        "small": ((20_000, 20_000, 5_000), (16, 16, 16), 5e-4),
        "base": ((100_000, 100_000, 20_000), (64, 64, 64), 2e-4),
    }[size]
    tiny = size == "tiny"
    return {
        name: replace(
            paper[name],
            steps=n,
            batch=batch,
            first_batch=None,
            lr=rate,
            warmup=50 if tiny else 300,
            floor=0.05,
            ema=0.99 if tiny else 0.999,
            bf16=not tiny,
        )
        for name, n, batch in zip(paper, steps, batches, strict=True)
        if name in stages
    }


class ZipMoPlan:
    """The stages; each trains its own network of the system."""

    def __init__(self, recipe: Recipe, pool: ImageClips, device: torch.device) -> None:
        self.recipe, self.pool, self.device = recipe, pool, device
        model, data = recipe.model, recipe.data
        assert isinstance(model, VAEModel)
        assert isinstance(data, ImageData)
        self.model, self.data = model, data
        check_data(model, data)
        self.system = network(model, data.text_encoder).to(device)
        policy = recipe.stages.get("policy")
        self._robot = demonstrations(recipe, device) if policy and policy.steps else None

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own network is trained."""
        self.system.requires_grad_(False)
        self.system.use_moments()
        optim, pool, system, model = self.recipe.stages[name], self.pool, self.system, self.model
        if name == "vae":
            return VAEStage(system, pool, optim, model, self.device, measured=self._measured())
        if name == "policy":
            assert isinstance(model, PolicyModel)
            assert isinstance(system, TrainedLibero)
            return PolicyStage(system, self._robot or pool, optim, model, self.device)
        if isinstance(model, TextModel):
            return TextStage(system, pool, optim, model, self.device)
        assert isinstance(model, PokeModel)
        return PokeStage(system, pool, optim, model, self.device)

    def _measured(self) -> bool:
        """Whether the latents' scale is what a planner was trained with that is kept."""
        steps = [
            self.recipe.stages[name].steps
            for name in ("vae", "planner")
            if name in self.recipe.stages
        ]
        return len(steps) == 2 and not any(steps)

    def export(self, folder: Path) -> None:
        """Write the checkpoint folder that a forecaster loads."""
        model, tensors = self.system.exported()
        name = "zipmo" if isinstance(self.system, TrainedZipMo) else "zipmo-libero"
        config = {"format": FORMAT, "system": name, "model": model}
        what = WHAT[type(self.model)].format(frames=self.model.frames, views=self.data.views)
        save_checkpoint(folder, config, tensors, image_card(self.recipe, what, LIMITS))
