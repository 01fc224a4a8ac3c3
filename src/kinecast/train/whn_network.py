"""The WHN networks of a recipe: sizes from its model, what they see from its data."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from kinecast.core.coords import Size
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.ranges import Count, Strength
from kinecast.encoders.pixels import PATCH, Pixels
from kinecast.encoders.words import WIDTH
from kinecast.systems.whn.config import DenoiserConfig, Layout, VAEConfig, WHNConfig
from kinecast.systems.whn.system import WHN
from kinecast.systems.whn.vae import VAE
from kinecast.train.images import grid_of
from kinecast.train.recipe import ImageData

_DINO = {"small": 384, "base": 768, "large": 1024}
IMAGE_TOKENS = {  # encoder -> (pixels of a patch, channels of a token)
    "pixels": (PATCH, Pixels.width),
    **{f"dinov2-{size}": (14, width) for size, width in _DINO.items()},
    **{f"dinov2-with-registers-{size}": (14, width) for size, width in _DINO.items()},
}
TEXT_WIDTHS = {"words": WIDTH, "bert": 768}  # one token a text


@dataclass(frozen=True)
class WHNModel:
    """Sizes of the networks, and what training them leaves open.

    Attributes:
        width, heads, depth: of the denoiser.
        vae_width, vae_heads, vae_depth: of the VAE; as many blocks in the encoder as in the
            decoder. Unused where points are denoised without one.
        channels: of a latent.
        patch: points on a side of a token.
        point_width: of the Fourier features of a point.
        beta: weight of the latents' divergence.
        times: of the flow in training; the paper's text says uniform, its appendix and its weights
            logit-normal.
        samples: futures drawn of each clip in validation (the K of best-of-K).
    """

    width: Count
    heads: Count
    depth: Count
    vae_width: Count = 384
    vae_heads: Count = 6
    vae_depth: Count = 12
    channels: Count = 8
    patch: Count = 2
    point_width: Count = 128
    beta: Strength = 1e-6
    times: Literal["logit-normal", "uniform"] = "logit-normal"
    samples: Count = 8


class Autoencoding(Protocol):
    """What the VAE's stage knows of the networks."""

    @property
    def vae(self) -> VAE | None:
        """The VAE, where there is one."""

    def rescale(self, std: tuple[float, ...]) -> None:
        """Set the standard deviation of each latent channel."""


class TrainedWHN(WHN):
    """A WHN whose latents' scale is measured: kept with the weights until it is exported."""

    def __init__(self, config: WHNConfig) -> None:
        super().__init__(config)
        if config.vae is not None:
            self.register_buffer("scale", self.scale, persistent=True)

    @torch.no_grad()
    def rescale(self, std: tuple[float, ...]) -> None:
        """Set the standard deviation of each latent channel."""
        self.scale.copy_(torch.tensor(std))

    def exported(self) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
        """System, `model` section and tensors of an ordinary checkpoint."""
        tensors = {name: value for name, value in self.state_dict().items() if name != "scale"}
        config = replace(self.config, scale=tuple(self.scale.tolist()))
        return "whn", asdict(config), tensors


class TrainedVAE(nn.Module):
    """A VAE and its latents' scale by themselves, under the names they have in a TrainedWHN."""

    def __init__(self, config: VAEConfig, layout: Layout) -> None:
        super().__init__()
        self.config, self.layout = config, layout
        self.vae: VAE | None = VAE(config)
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(config.channels))

    @torch.no_grad()
    def rescale(self, std: tuple[float, ...]) -> None:
        """Set the standard deviation of each latent channel."""
        self.scale.copy_(torch.tensor(std))

    def exported(self) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
        """A checkpoint that forecasts nothing: a flow is to be trained on it."""
        model = {"layout": asdict(self.layout), "vae": asdict(self.config)}
        tensors = {name: value for name, value in self.state_dict().items() if name != "scale"}
        return "whn-vae", model | {"scale": self.scale.tolist()}, tensors


def vae_config(model: WHNModel, data: ImageData) -> VAEConfig:
    """The VAE of a recipe.

    Raises:
        UserError: an encoder whose tokens are not known, or a grid that patches do not divide.
    """
    grid = grid_of(data)
    tokens, width = image_tokens(data)
    return VAEConfig(
        grid=(grid.h, grid.w),
        patch=model.patch,
        frames=data.frames,
        channels=model.channels,
        width=model.vae_width,
        heads=model.vae_heads,
        encoder_depth=model.vae_depth,
        decoder_depth=model.vae_depth,
        features=width,
        tokens=tokens,
        point_width=model.point_width,
    )


def whn_config(model: WHNModel, data: ImageData, *, latent: bool) -> WHNConfig:
    """The denoiser of a recipe, with its VAE or of the points themselves.

    Raises:
        UserError: as `vae_config`; a text encoder that gives no pooled text.
    """
    vae = vae_config(model, data)
    denoiser = DenoiserConfig(
        grid=vae.latent_grid if latent else vae.grid,
        patch=1 if latent else model.patch,
        frames=data.frames,
        channels=model.channels if latent else 2,
        width=model.width,
        heads=model.heads,
        depth=model.depth,
        features=vae.features,
        tokens=vae.tokens,
        text=text_width(data.text_encoder) if data.text_encoder else None,
        point_width=None if latent else model.point_width,
    )
    scale = (1.0,) * model.channels if latent else ()
    return WHNConfig(layout_of(data), denoiser, vae if latent else None, scale)


def layout_of(data: ImageData) -> Layout:
    """The frame, its points and the encoders of a recipe's clips."""
    grid = grid_of(data)
    text = {"text_encoder": data.text_encoder} if data.text_encoder else {}
    return Layout(data.size, data.stride, grid.origin, data.encoder, data.encoder_size, **text)


def image_tokens(data: ImageData) -> tuple[tuple[int, int], int]:
    """((rows, columns), channels) of the image's tokens.

    Raises:
        UserError: an encoder without such tokens.
    """
    name = data.encoder
    if name not in IMAGE_TOKENS:
        raise UserError(
            f"expected data.encoder of {', '.join(IMAGE_TOKENS)}, got {name!r}"
            f"{did_you_mean(name, IMAGE_TOKENS)}"
        )
    patch, width = IMAGE_TOKENS[name]
    W, H = _seen(data)
    return (H // patch, W // patch), width


def _seen(data: ImageData) -> Size:
    return data.encoder_size or data.size


def text_width(name: str) -> int:
    """Channels of the token of a text.

    Raises:
        UserError: an encoder that gives no pooled text.
    """
    if name not in TEXT_WIDTHS:
        raise UserError(
            f"expected data.text_encoder of {', '.join(TEXT_WIDTHS)} (one token a text), "
            f"got {name!r}{did_you_mean(name, TEXT_WIDTHS)}"
        )
    return TEXT_WIDTHS[name]
