"""The ZipMo networks of a recipe, and what training them leaves open."""

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count, Natural, Positive, Share, Strength
from kinecast.encoders.dinov2 import read_vit
from kinecast.encoders.files import find_files
from kinecast.encoders.load import IMAGES
from kinecast.nn.vit import ViT, ViTConfig
from kinecast.systems.zipmo.config import MotionConfig, ZipMoConfig
from kinecast.systems.zipmo.libero import LiberoConfig
from kinecast.systems.zipmo.libero_system import ZipMoLibero, ZipMoLiberoConfig
from kinecast.systems.zipmo.motion import Motion
from kinecast.systems.zipmo.planner import Planner, PlannerConfig
from kinecast.systems.zipmo.policy import PolicyConfig
from kinecast.systems.zipmo.rope import THETA_10, THETA_40, SpaceTimeRope, log_spaced
from kinecast.systems.zipmo.system import ZipMo
from kinecast.systems.zipmo.vae import VAE, VAEConfig

RENAMED = ("vae_image.", "image.")


@dataclass(frozen=True, kw_only=True)
class VAEModel:
    """The VAE.

    Attributes:
        vae: its sizes.
        image: sizes of the image encoder inside.
        image_weights: what the encoder starts from: a DINOv2 by its name (looked for as `encoders`
            does), a folder or a file; "": nothing, it is trained from the first step.
        theta: where the frequencies of coordinates and of rotary positions end at first; None: the
            published ones. A narrow network has few of them, and a coarse grid needs no high ones.
        logvar: about what the latents' log-variance is at first; None: 0. With less noise the
            decoder hears the encoder sooner.
        frames: T of a window; clips of another length are resampled to it.
        tracks: that are encoded; as many more are only decoded.
        unlock: step of the VAE's stage from which its image encoder is trained too; None: never.
        two_images: whether a planner has an image encoder of its own, or shares the VAE's.
    """

    vae: VAEConfig = field(default_factory=VAEConfig)
    image: ViTConfig = field(
        default_factory=lambda: ViTConfig(768, 12, 12, registers=4, antialias=True)
    )
    image_weights: str = ""
    theta: Positive | None = None
    logvar: float | None = None
    frames: Count = 64
    tracks: Count = 40
    unlock: Natural | None = None
    two_images: bool = False

    def __post_init__(self) -> None:
        if not self.image_weights and self.unlock != 0:
            raise UserError(
                "expected model.image_weights (a DINOv2) for an image encoder that is frozen at "
                "first, got none; or train it from the first step with model.unlock=0"
            )


@dataclass(frozen=True, kw_only=True)
class FlowModel(VAEModel):
    """What planners have in common.

    Attributes:
        unlock_planner: step of the planner's stage from which its own image encoder is trained too
            (it needs `two_images`); None: never.
        frame_noise: largest standard deviation of the noise on the frame that a planner sees, of
            its range; each clip draws its own.
        samples: futures of each clip in validation.
    """

    unlock_planner: Natural | None = None
    frame_noise: Strength = 0.0
    samples: Count = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unlock_planner is not None and not self.two_images:
            raise UserError(
                "expected model.two_images=true with model.unlock_planner, so that the VAE keeps "
                "the image encoder that it was trained with"
            )


@dataclass(frozen=True, kw_only=True)
class PokeModel(FlowModel):
    """A planner steered by pokes.

    Attributes:
        planner: its sizes.
        dropped: mean of the Poisson number of pokes that are replaced by zeros.
        early: share of pokes whose end is before the window's last frame.
    """

    planner: PlannerConfig = field(default_factory=PlannerConfig)
    dropped: Strength = 2.5
    early: Share = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.planner.pokes > self.tracks:
            raise UserError(
                f"expected at most model.tracks={self.tracks} pokes, got {self.planner.pokes}"
            )


@dataclass(frozen=True, kw_only=True)
class TextModel(FlowModel):
    """A planner of several views, told by a text.

    Attributes:
        planner: its sizes.
        drop_text, drop_frame: probability that the text, or what it sees, is a learned nothing.
    """

    planner: LiberoConfig = field(default_factory=LiberoConfig)
    drop_text: Share = 0.1
    drop_frame: Share = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        widths = self.planner.text_width, self.planner.image_width
        if self.drop_frame and len(set(widths)) > 1:
            raise UserError(
                "expected tokens of text and image of one width for model.drop_frame: both are "
                f"replaced by the same learned token, got {widths[0]} and {widths[1]}"
            )


@dataclass(frozen=True, kw_only=True)
class PolicyModel(TextModel):
    """A policy on a planner.

    Attributes:
        policy: its sizes.
        steps: of the Euler sampler that plans.
    """

    policy: PolicyConfig = field(default_factory=PolicyConfig)
    steps: Count = 10


class Trained(Motion):
    """A network whose latents' mean and variance are measured: kept with the weights."""

    def __init__(self, config: MotionConfig) -> None:
        super().__init__(config)
        self.moments: Tensor
        self.register_buffer("moments", torch.tensor([config.shift, config.scale]))
        self.register_load_state_dict_post_hook(lambda *_: self.use_moments())

    @property
    def vae_vit(self) -> ViT:
        """The image encoder that the VAE sees by."""
        vit = self.image if self.vae_image is None else self.vae_image
        assert vit is not None
        return vit

    def vae_parts(self, names: Collection[str]) -> dict[str, nn.Module]:
        """The VAE and its image encoder, as files of those tensors call them."""
        own = any(name.startswith(RENAMED[0]) for name in names)
        return {"vae": self.vae, RENAMED[0 if own else 1].rstrip("."): self.vae_vit}

    @torch.no_grad()
    def rescale(self, mean: float, variance: float) -> None:
        """Set mean and variance of the VAE's latents."""
        self.moments.copy_(torch.tensor([mean, variance]))
        self.use_moments()

    def use_moments(self) -> None:
        """Shift and scale latents by the mean and variance that came with the weights."""
        self.shift, self.scale = self.moments.tolist()

    def exported(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """`model` section and tensors of an ordinary checkpoint."""
        self.use_moments()
        config = replace(self.config, shift=self.shift, scale=self.scale)
        tensors = {k: v for k, v in self.state_dict().items() if k != "moments"}
        if config.two_images and getattr(config, "planner", None) is None:
            config = replace(config, two_images=False)
            own = {k: v for k, v in tensors.items() if not k.startswith(RENAMED[1])}
            tensors = {k.replace(*RENAMED, 1): v for k, v in own.items()}
        return asdict(config), tensors


class TrainedZipMo(Trained, ZipMo):
    """With pokes, or a VAE alone."""


class TrainedLibero(Trained, ZipMoLibero):
    """With a text, and perhaps a policy."""


def network(model: VAEModel, text_encoder: str = "") -> TrainedZipMo | TrainedLibero:
    """The networks of a recipe, the image encoders with their weights.

    Raises:
        UserError: networks that do not fit one another, or no image weights where they are needed.
    """
    parts: dict[str, Any] = {
        "vae": model.vae, "image": model.image, "two_images": model.two_images,
        "frames": model.frames, "shift": 0.0, "scale": 1.0,
    }  # fmt: skip
    system: TrainedZipMo | TrainedLibero
    if isinstance(model, TextModel):
        policy = model.policy if isinstance(model, PolicyModel) else None
        config = ZipMoLiberoConfig(
            **parts, planner=model.planner, policy=policy, text_encoder=text_encoder
        )
        system = TrainedLibero(config)
    else:
        planner = model.planner if isinstance(model, PokeModel) else None
        system = TrainedZipMo(ZipMoConfig(**parts, planner=planner))
    if model.logvar is not None:
        nn.init.constant_(system.vae.logvar.bias, model.logvar)
    if model.theta is not None:
        _slow_down(system, model.theta)
    for vit in (system.image, system.vae_image):
        if vit is not None and model.image_weights:
            _load_image(vit, model.image_weights)
    return system


def _load_image(vit: ViT, weights: str) -> None:
    path = (
        find_files(None, (f"facebook/{weights}",)) if weights in IMAGES else find_files(weights, ())
    )
    found = read_vit(path)
    if found.config != vit.config:
        raise UserError(f"expected an image encoder {vit.config} in {path}, got {found.config}")
    vit.load_state_dict(found.state_dict())


@torch.no_grad()
def _slow_down(system: Trained, theta: float) -> None:
    """Let frequencies of space and time end at `theta`."""
    for module in system.modules():
        if isinstance(module, SpaceTimeRope):
            low = log_spaced(0.0, math.log(theta), *module.time.shape)
            module.time.copy_(low)
            module.yx.copy_(torch.stack([low, low]))
        elif isinstance(module, VAE):
            module.embed.frequency.mul_(theta / THETA_40)
        elif isinstance(module, Planner):
            module.poke.frequency.mul_(theta / THETA_10)
