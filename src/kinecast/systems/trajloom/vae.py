"""The trajectory VAE: offsets of a grid of points over a window <-> latents.

Source: TrajLoom, section 3.2. It works on cells: one token a cell and frame, two numbers each. The
published patch convolution and its dense output are exact special cases (`released`).
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count
from kinecast.nn.attention import SelfAttention
from kinecast.nn.block import Block, Branch
from kinecast.nn.embed import FourierFeatures, sincos_1d, sincos_2d
from kinecast.nn.mixing import Along, Axis
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import LearnedGate
from kinecast.nn.norm import RMSNorm
from kinecast.nn.parts import parts_of
from kinecast.systems.base import Posterior
from kinecast.systems.trajloom.cells import anchors


@dataclass(frozen=True)
class VAEConfig:
    """The defaults are the published configuration.

    Attributes:
        grid: (h, w) cells.
        frames: of the window.
        stride: frames between latent steps; 1: one latent a frame.
        latent_channels: C.
        width, heads, mlp_ratio: of the transformers.
        encoder_depth, decoder_depth: blocks; half of them before the change of frame rate.
        position_width: of the Fourier features of a cell's centre.
    """

    grid: tuple[int, int] = (15, 26)
    frames: Count = 81
    stride: Count = 4
    latent_channels: Count = 16
    width: Count = 512
    heads: Count = 8
    mlp_ratio: float = 4.0
    encoder_depth: Count = 16
    decoder_depth: Count = 16
    position_width: Count = 64

    def __post_init__(self) -> None:
        if (self.frames - 1) % self.stride:
            raise UserError(
                f"expected 1 + a multiple of {self.stride} frames, got frames={self.frames}"
            )
        if self.width % 4:
            raise UserError(f"expected a width that 4 divides, got {self.width}")

    @property
    def steps(self) -> int:
        """Latent steps."""
        return 1 + (self.frames - 1) // self.stride


class VAE(nn.Module):
    """Posterior of a window, and the window of a latent."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.position: Tensor
        self.time: Tensor
        self.register_buffer("position", sincos_2d(*config.grid, D))
        self.register_buffer("time", sincos_1d(torch.arange(config.frames).float(), D))
        self.fourier = FourierFeatures(2, config.position_width)
        self.fourier_mlp = MLP(config.position_width, 4 * config.position_width)
        self.fourier_out = nn.Linear(config.position_width, D)
        self.embed: nn.Module = nn.Linear(2, D)
        self.encoder = _blocks(config, config.encoder_depth)
        self.compress = Compress(D, config.stride) if config.stride > 1 else nn.Identity()
        self.to_latent = nn.Linear(D, 2 * config.latent_channels)
        self.from_latent = nn.Linear(config.latent_channels, D)
        self.decoder = _blocks(config, config.decoder_depth)
        self.expand = Expand(D, config.stride) if config.stride > 1 else nn.Identity()
        self.head = nn.Linear(D, 2)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.head.weight)

    def encode(self, offsets: Float[Tensor, "b t h w 2"]) -> Posterior:
        """Posterior over latents (b s n c), tokens n row-major.

        Args:
            offsets: from the cells' anchors (`cells.to_offsets`), finite everywhere.

        Raises:
            UserError: another window or grid than the network's.
        """
        self._check(offsets.shape[1:4], (self.config.frames, *self.config.grid))
        return self._posterior(self.embed(offsets.flatten(2, 3)))

    def decode(self, z: Float[Tensor, "b s n c"]) -> Float[Tensor, "b t h w 2"]:
        """Offsets from the cells' anchors.

        Raises:
            UserError: another number of latent steps or tokens than the network's.
        """
        h, w = self.config.grid
        self._check(z.shape[1:3], (self.config.steps, h * w))
        return self.head(self._tokens(z)).unflatten(2, (h, w))

    def forward(
        self, offsets: Float[Tensor, "b t h w 2"], noise: Float[Tensor, "b s n c"] | None = None
    ) -> tuple[Float[Tensor, "b t h w 2"], Posterior]:
        """Reconstruction and posterior; of a sample by standard normal `noise`, or of the mean."""
        posterior = self.encode(offsets)
        z = posterior.mean if noise is None else posterior.mean + posterior.scale * noise
        return self.decode(z), posterior

    def _posterior(self, x: Float[Tensor, "b t n d"]) -> Posterior:
        centres = anchors(*self.config.grid).flatten(0, 1).to(self.position)
        features = self.fourier_out(self.fourier_mlp(self.fourier(centres)))
        x = x + (self.position + features)
        middle = self.config.encoder_depth // 2
        for index, block in enumerate(self.encoder[:middle]):
            if index == 1:  # the first block along time
                x = x + self.time[:, None]
            x = block(x)
        x = self.compress(x)
        for block in self.encoder[middle:]:
            x = block(x)
        mean, log_variance = self.to_latent(x).chunk(2, dim=-1)
        return Posterior(mean, F.softplus(0.5 * log_variance) + 1e-8)

    def _tokens(self, z: Float[Tensor, "b s n c"]) -> Float[Tensor, "b t n d"]:
        x = self.from_latent(z)
        middle = self.config.decoder_depth // 2
        for block in self.decoder[:middle]:
            x = block(x)
        x = self.expand(x)
        for block in self.decoder[middle:]:
            x = block(x)
        return x

    def _check(self, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if tuple(got) != expected:
            raise UserError(
                f"expected a window of {expected} (time, then space), got {tuple(got)}; "
                "use a network of that size"
            )


class Compress(nn.Module):
    """1 + s f frames -> 1 + s steps; step k sees the frames around f k, both sides alike."""

    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.reach = factor - 1
        self.convolution = nn.Conv1d(width, width, 2 * factor - 1, stride=factor)

    def forward(self, x: Float[Tensor, "b t n d"]) -> Float[Tensor, "b s n d"]:
        """Frames to steps."""
        rows = rearrange(x, "b t n d -> (b n) d t")
        parts = [
            self.convolution(F.pad(some, (self.reach, self.reach), mode="replicate"))
            for some in rows.tensor_split(parts_of(x))
        ]
        return rearrange(torch.cat(parts), "(b n) d s -> b s n d", b=len(x))


class Expand(nn.Module):
    """1 + s steps -> 1 + s f frames; frame f k is centred on step k."""

    def __init__(self, width: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.convolution = nn.ConvTranspose1d(
            width, width, 2 * factor - 1, stride=factor, padding=factor - 1
        )

    def forward(self, x: Float[Tensor, "b s n d"]) -> Float[Tensor, "b t n d"]:
        """Steps to frames."""
        f, frames = self.factor, 1 + (x.shape[1] - 1) * self.factor
        rows = rearrange(x, "b s n d -> (b n) d s")
        kept = slice((f - 1) * f, (f - 1) * f + frames)
        parts = [
            self.convolution(F.pad(some, (f - 1, f - 1), mode="replicate"))[..., kept]
            for some in rows.tensor_split(parts_of(x))
        ]
        return rearrange(torch.cat(parts), "(b n) d t -> b t n d", b=len(x))


def _blocks(config: VAEConfig, depth: int) -> nn.ModuleList:
    """Two halves; in each, blocks along space and time alternate, space first."""
    middle = depth // 2
    return nn.ModuleList(
        _block(config, "time" if i % 2 else "space")
        for i in [*range(middle), *range(depth - middle)]
    )


def _block(config: VAEConfig, axis: Axis) -> Block:
    D = config.width
    ops: dict[str, nn.Module] = {
        "self": Along(axis, SelfAttention(D, config.heads, qk_norm=False)),
        "mlp": MLP(D, round(D * config.mlp_ratio)),
    }
    return Block(
        {name: Branch(RMSNorm(D, learned=True), LearnedGate(D), op) for name, op in ops.items()}
    )
