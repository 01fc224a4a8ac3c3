"""A codec that starts as the exact linear one: transformers add what neighbouring tokens tell.

    encode: z     = linear(x) + |linear(x)| * unit * E(z and what the linear codec loses)
    decode: moved = linear(z) + |linear(z)| * unit * D(z)

E and D see shapes, each token's motion over its own size, and their last layers start at zero.
|.| is the root mean square of a token: so a token at rest stays exactly at rest whatever the
weights, among moving ones too, and a field twice as fast gives a correction twice as large, as in
the linear codec. That matters because futures and residuals around a mean, which pass through the
same codec, differ in size. The units make an output of 1 worth the pixels that the linear codec
loses on average: the first steps of training would else do more harm than good.
The codec is deterministic: it has no posterior to be regularised.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.nn.block import gated_block
from kinecast.nn.embed import sincos_2d
from kinecast.nn.norm import RMSNorm
from kinecast.systems.trajloom.codec import CodecConfig, LinearCodec
from kinecast.systems.trajloom.patches import to_tokens, token_grid

PLACE = 32  # features of a token's row and column
TINY = 1e-3  # pixels, or latent units: what is smaller is rounding and is not blown up


class ResidualCodec(LinearCodec):
    """Displacement fields (reference pixels) <-> latents; equal to `LinearCodec` before training.

    Its linear part is fitted first and then kept.
    """

    lost: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__(config)
        features = config.patch**2 * config.frames * 2
        self.encoder = _Correction(config.channels + features, config.channels, config)
        self.decoder = _Correction(config.channels, features, config)
        self.register_buffer("lost", torch.ones(()))  # norm of what is lost of a token, pixels RMS

    def encode(self, moved: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b n c"]:
        """Latents, about in units of each channel's scale."""
        z = super().encode(moved)
        lost = to_tokens(moved, self.config.patch).flatten(2) - self._tokens(z)
        h, w = moved.shape[2:4]
        grid = token_grid(h, w, self.config.patch)
        added = self.encoder(torch.cat([_shape(z), _shape(lost)], dim=-1), _size(z), grid)
        return z + (self.lost / self.scale).clamp(max=1.0) * added  # at most a channel's own size

    def decode(self, z: Float[Tensor, "b n c"], h: int, w: int) -> Float[Tensor, "b t h w 2"]:
        """Displacements of h x w cells."""
        tokens, grid = self._tokens(z), token_grid(h, w, self.config.patch)
        added = self.decoder(_shape(z.float()), _size(tokens), grid)
        return self._cells(tokens + self.lost / self.scale.norm() * added, h, w)

    def fit(self, second_moment: Float[Tensor, "f f"]) -> None:
        """Fit the linear part, and measure what it loses."""
        super().fit(second_moment)
        kept = self.scale.double().square().sum()
        self.lost.copy_((second_moment.double().trace().to(kept) - kept).clamp(min=0.0).sqrt())


class _Correction(nn.Module):
    """Features and size of each token -> a multiple of that size; zero at first."""

    def __init__(self, features: int, out: int, config: CodecConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(features + 1 + PLACE, config.width)
        self.blocks = nn.ModuleList(
            gated_block(config.width, config.heads) for _ in range(config.depth)
        )
        self.norm = RMSNorm(config.width, learned=True)
        self.out = nn.Linear(config.width, out)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x: Float[Tensor, "b n i"], size: Float[Tensor, "b n 1"], grid: tuple[int, int]
    ) -> Float[Tensor, "b n o"]:
        """What to add to each token of a grid of (rows, columns)."""
        share = size / (size + size.mean(1, keepdim=True)).clamp(min=TINY)
        place = sincos_2d(*grid, PLACE).to(x).expand(len(x), -1, -1)
        tokens = self.embed(torch.cat([x, share, place], dim=-1))
        for block in self.blocks:
            tokens = block(tokens)
        added: Tensor = self.out(self.norm(tokens))
        return size * added.float()


def _size(x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n 1"]:
    """Root mean square of each token; its gradient at rest is 0."""
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True) / x.shape[-1] ** 0.5


def _shape(x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
    """Each token over its own size."""
    return x / _size(x).clamp(min=TINY)
