"""WHN's trajectory VAE: a grid of points over a window <-> latents, given the image.

Space is compressed by patches, time is not. Square and rectangular grids are one network here.
Source: WHN, section 3.1 and appendix (autoencoding block).
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.attention import KeyValue
from kinecast.nn.block import Block, Branch
from kinecast.nn.embed import sincos_1d, sincos_2d
from kinecast.nn.mixing import Along, Axis
from kinecast.nn.modulate import LearnedGate
from kinecast.nn.norm import RMSNorm
from kinecast.systems.base import Posterior
from kinecast.systems.whn.attention import Attention, TanhMLP
from kinecast.systems.whn.config import VAEConfig
from kinecast.systems.whn.image import ImageTokens, keys_of
from kinecast.systems.whn.points import PatchEmbed, PointEncoder, from_patches, xavier

SMALLEST_STD = 1e-8
Context = Mapping[str, list[KeyValue]]


class VAE(nn.Module):
    """Posterior of a window, and the window of a latent."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.position: Tensor
        self.time: Tensor
        self.register_buffer("position", sincos_2d(*config.latent_grid, D))
        self.register_buffer("time", sincos_1d(torch.arange(config.frames).float(), D))
        self.points = PointEncoder(config.point_width, 4 * D, nn.GELU("tanh"), learned=False)
        self.embed = PatchEmbed(2 + config.point_width, D, config.patch)
        self.image = ImageTokens(config.features, config.tokens, D)
        self.encoder = _blocks(config, config.encoder_depth)
        self.to_latent = nn.Linear(D, 2 * config.channels)
        self.from_latent = nn.Linear(config.channels, D)
        self.decoder = _blocks(config, config.decoder_depth)
        self.head = nn.Linear(D, 2 * config.patch**2)
        xavier(self)

    def context(self, features: Float[Tensor, "g m f"]) -> Context:
        """Keys and values of every block, computed once per clip.

        Args:
            features: of the image's patches, row-major.

        Raises:
            UserError: another number of tokens or channels than the network's.
        """
        tokens = self.image(features)
        halves = {"encoder": self.encoder, "decoder": self.decoder}
        return {name: keys_of(blocks, tokens) for name, blocks in halves.items()}

    def encode(self, xy: Float[Tensor, "b t h w 2"], context: Context) -> Posterior:
        """Posterior of normalised positions; latents (b t rows columns c).

        Args:
            xy: the window; or one frame of it, where all are alike (points that stand still): work
                is then done on one frame until time enters.
            context: of the window's image, from `context`.

        Raises:
            UserError: another grid or window than the network's.
        """
        c = self.config
        if tuple(xy.shape[2:4]) != c.grid or xy.shape[1] not in (1, c.frames):
            raise UserError(
                f"expected points of {c.frames} frames and grid {c.grid}, "
                f"got {tuple(xy.shape[1:4])}; use a network of that size"
            )
        with _exact(xy):
            x = self.embed(self.points(xy.float())) + self.position
        for index, block in enumerate(self.encoder):
            if index == 1:  # the first block along time
                x = x + self.time[:, None]
            x = block(x, inputs={"cross": {"context": context["encoder"][index]}})
        with _exact(x):
            mean, log_variance = self.to_latent(x.float()).chunk(2, dim=-1)
        # as published: softplus of half the log variance, not its exponential
        std = F.softplus(0.5 * log_variance) + SMALLEST_STD
        return Posterior(mean.unflatten(2, c.latent_grid), std.unflatten(2, c.latent_grid))

    def decode(self, z: Float[Tensor, "b t i j c"], context: Context) -> Float[Tensor, "b t h w 2"]:
        """Normalised positions.

        Raises:
            UserError: another latent grid or window than the network's.
        """
        wanted = (self.config.frames, *self.config.latent_grid)
        if tuple(z.shape[1:4]) != wanted:
            raise UserError(f"expected latents of {wanted}, got {tuple(z.shape[1:4])}")
        with _exact(z):
            x = self.from_latent(z.float().flatten(2, 3))
        for block, keys in zip(self.decoder, context["decoder"], strict=True):
            x = block(x, inputs={"cross": {"context": keys}})
        with _exact(x):
            return from_patches(self.head(x.float()), wanted[1], self.config.patch)


def _exact(x: Tensor) -> torch.autocast:
    """Coordinates and latents go in and come out in float32, whatever the blocks work in."""
    return torch.autocast(x.device.type, enabled=False)


def _blocks(config: VAEConfig, depth: int) -> nn.ModuleList:
    return nn.ModuleList(_block(config, "time" if i % 2 else "space") for i in range(depth))


def _block(config: VAEConfig, axis: Axis) -> Block:
    D = config.width
    ops: dict[str, nn.Module] = {
        "self": Along(axis, Attention(D, config.heads)),
        "cross": Attention(D, config.heads),
        "mlp": TanhMLP(D, 4 * D),
    }
    return Block(
        {name: Branch(RMSNorm(D, learned=True), LearnedGate(D), op) for name, op in ops.items()}
    )
