"""The trajectory VAE: any tracks of a frame in, a grid of latents, any tracks out.

Source: ZipMo, section 3.1 and appendix B, table F. Coordinates are those of the published weights:
(y, x), normalised to [-1, 1]. `image` is the frame's DINOv2 patch tokens, row-major.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count
from kinecast.nn.attention import KeyValue
from kinecast.nn.block import Block
from kinecast.nn.norm import RMSNorm
from kinecast.systems.zipmo.blocks import (
    CosineCrossAttention,
    CosineSelfAttention,
    Stack,
    layer,
    token,
)
from kinecast.systems.zipmo.fourier import CoordinateEmbedding
from kinecast.systems.zipmo.positions import GridShape, at_time, over_time, plane, volume
from kinecast.systems.zipmo.rope import THETA_40, SpaceTimeRope

IMAGE_TIME = -1.0  # where image tokens lie on the time axis, before all frames


@dataclass(frozen=True)
class VAEConfig:
    """Sizes; the defaults are the published ones.

    Attributes:
        width, heads: D, and the number of heads that share it.
        image_width: channels of an image token.
        encoder_depth, decoder_depth: layers.
        channels: C of a latent.
        grid: (steps, rows, columns) of latents.
        image_grid: (rows, columns) of image tokens.

    Raises:
        UserError: a width that the heads do not divide, or heads too narrow for the rotations.
    """

    width: Count = 768
    heads: Count = 12
    image_width: Count = 768
    encoder_depth: Count = 12
    decoder_depth: Count = 12
    channels: Count = 16
    grid: GridShape = (1, 16, 16)
    image_grid: tuple[int, int] = (16, 16)

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)

    @property
    def tokens(self) -> int:
        """Latents of a sample."""
        return math.prod(self.grid)


class Gaussian(NamedTuple):
    """A diagonal Gaussian of latents, as the encoder says it."""

    mean: Float[Tensor, "b n c"]
    logvar: Float[Tensor, "b n c"]

    def sample(self, noise: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """A draw, from standard normal noise."""
        return self.mean + torch.exp(0.5 * self.logvar) * noise


class VAE(nn.Module):
    """Encoder and decoder; positions of latents and image tokens come with the weights."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.position: Tensor
        self.image_position: Tensor
        self.register_position: Tensor
        self.register_buffer("position", volume(config.grid))
        self.register_buffer("image_position", at_time(IMAGE_TIME, plane(*config.image_grid)))
        self.register_buffer("register_position", torch.zeros(3))

        self.embed = CoordinateEmbedding(2, D, THETA_40)
        self.latent = token(D)  # the latents' token before the encoder
        self.register = token(D)
        self.encoder = Stack(_layer(config) for _ in range(config.encoder_depth))
        self.mean = nn.Linear(D, config.channels)
        self.logvar = nn.Linear(D, config.channels)

        self.from_latent = nn.Linear(config.channels, D)
        self.query = token(D)  # every point's token in every frame
        self.decoder = Stack(_layer(config) for _ in range(config.decoder_depth))
        self.head = nn.Sequential(
            RMSNorm(D, learned=True),
            nn.Linear(D, D),
            nn.SiLU(),
            nn.Linear(D, D),
            nn.SiLU(),
            nn.Linear(D, 2),
        )

    def encode(self, tracks: Float[Tensor, "b n t 2"], image: Float[Tensor, "b m i"]) -> Gaussian:
        """Latents of N tracks of T frames; every point's first position says where it is."""
        b, _, T, _ = tracks.shape
        points = self.embed(tracks).flatten(1, 2)
        tokens = [self.latent.expand(b, len(self.position), -1), points]
        tokens.append(self.register.expand(b, 1, -1))
        where = [self.position.expand(b, -1, -1), over_time(tracks[:, :, 0], T)]
        where.append(self.register_position.expand(b, 1, -1))
        contexts = self.encoder.contexts(image, self.image_position[None])
        x = self.encoder(
            torch.cat(tokens, dim=1), self.encoder.rotations(torch.cat(where, dim=1)), contexts
        )
        x = x[:, : len(self.position)]
        return Gaussian(self.mean(x), self.logvar(x))

    def contexts(self, image: Float[Tensor, "g m i"]) -> list[KeyValue]:
        """What `decode` needs of the image: keys and values, projected once per clip."""
        return self.decoder.contexts(image, self.image_position[None])

    def decode(
        self,
        z: Float[Tensor, "b n c"],
        queries: Float[Tensor, "q_b q 2"],
        frames: int,
        contexts: list[KeyValue],
    ) -> Float[Tensor, "b q t 2"]:
        """Tracks of the points that are at `queries` in the first frame.

        Args:
            z: latents as the encoder makes them (not the planner's normalised ones).
            queries: starts (y, x); a batch of 1 is common to all rows. All points are decoded
                jointly, so that each has some influence on the others.
            frames: T.
            contexts: from `contexts(image)`; of b images, or of fewer that neighbouring rows share.

        Returns:
            Positions (y, x); neither clipped, nor exactly at `queries` in the first frame.
        """
        b, count = len(z), queries.shape[1] * frames
        tokens = torch.cat([self.from_latent(z), self.query.expand(b, count, -1)], dim=1)
        points = over_time(queries, frames)
        where = torch.cat([self.position.expand(len(points), -1, -1), points], dim=1)
        x = self.decoder(tokens, self.decoder.rotations(where), contexts)
        x = self.head[:-1](x[:, -count:])
        with torch.autocast(x.device.type, enabled=False):  # coordinates stay in float32
            return rearrange(self.head[-1](x.float()), "b (q t) k -> b q t k", t=frames)


def check_heads(width: int, heads: int) -> None:
    """Refuse heads that do not fit.

    Raises:
        UserError: see the message.
    """
    if heads < 1 or width % heads or (width // heads) % 8:
        raise UserError(
            f"expected heads of equal width, a multiple of 8 channels, got {heads} of {width}"
        )


def _layer(config: VAEConfig) -> Block:
    D, heads = config.width, config.heads

    def rope() -> SpaceTimeRope:
        return SpaceTimeRope(heads, D // heads, THETA_40)

    cross = CosineCrossAttention(D, config.image_width, heads, rope())
    return layer(D, CosineSelfAttention(D, heads, rope()), cross)
