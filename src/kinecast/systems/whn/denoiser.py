"""WHN's denoiser: the velocity of latents, or of points themselves, given the image and a text.

Source: WHN, section 3.2 and appendix (denoising block). As published, but not as in the
paper's text, tokens attend to the image without a norm before, and a text is added to the time.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.attention import KeyValue
from kinecast.nn.block import Block, Branch
from kinecast.nn.embed import sincos_1d, sincos_2d, sinusoid
from kinecast.nn.mixing import Along, Axis
from kinecast.nn.modulate import AdaLN
from kinecast.nn.norm import RMSNorm
from kinecast.systems.whn.attention import Attention, TanhMLP
from kinecast.systems.whn.config import DenoiserConfig
from kinecast.systems.whn.image import ImageTokens, keys_of
from kinecast.systems.whn.points import PatchEmbed, PointEncoder, from_patches, xavier

TIME_WIDTH = 256


@dataclass(frozen=True)
class Context:
    """What a denoiser needs of a clip's condition, computed once.

    Attributes:
        keys: each block's keys and values of the image.
        text: added to the embedding of time, or None.
    """

    keys: list[KeyValue]
    text: Float[Tensor, "g d"] | None


class AdaGate(nn.Module):
    """No modulation; a gate linear in SiLU(cond), one row per sample."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "b *tokens d"], cond: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b *tokens d"], Float[Tensor, "b *ones d"]]:
        """x as it is, and the gate, broadcastable to x."""
        return x, self.linear(F.silu(cond)).view(len(x), *[1] * (x.ndim - 2), -1)


class Denoiser(nn.Module):
    """velocity(z_t, t | context)."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config, D, p = config, config.width, config.patch
        self.rows, columns = config.grid[0] // p, config.grid[1] // p
        self.position: Tensor
        self.time_position: Tensor
        self.register_buffer("position", sincos_2d(self.rows, columns, D))
        self.register_buffer("time_position", sincos_1d(torch.arange(config.frames).float(), D))
        channels, width = config.channels, config.point_width
        self.points = None
        if width is not None:
            self.points = PointEncoder(width, 4 * D, nn.SiLU(), learned=True)
            channels += width
        self.embed = PatchEmbed(channels, D, p)
        self.time = nn.Sequential(nn.Linear(TIME_WIDTH, D), nn.SiLU(), nn.Linear(D, D))
        self.text = None if config.text is None else TanhMLP(config.text, 4 * D, D)
        self.image = ImageTokens(config.features, config.tokens, D)
        self.blocks = nn.ModuleList(
            _block(config, "time" if i % 2 else "space") for i in range(config.depth)
        )
        self.norm = RMSNorm(D, learned=False)
        self.modulate = nn.Linear(D, 2 * D)
        self.head = nn.Linear(D, config.channels * p**2)
        self._initialise()

    def context(
        self, features: Float[Tensor, "g m f"], text: Float[Tensor, "g e"] | None = None
    ) -> Context:
        """What `forward` needs of a condition, computed once per clip.

        Args:
            features: of the image's patches, row-major.
            text: pooled, where the network takes one.

        Raises:
            UserError: other image tokens than the network's, or a text too many or too few.
        """
        if (text is None) != (self.text is None):
            raise UserError(
                "expected a text, got none"
                if text is None
                else "expected no text for this model, got one"
            )
        keys = keys_of(self.blocks, self.image(features))
        return Context(keys, None if self.text is None else self.text(text))

    def forward(
        self, z_t: Float[Tensor, "b t h w c"], t: Float[Tensor, " b"], context: Context
    ) -> Float[Tensor, "b t h w c"]:
        """Velocity of every frame; the context's batch is that of z_t, or 1: samples share it.

        Raises:
            UserError: another grid or window than the network's.
        """
        c = self.config
        wanted = (c.frames, *c.grid, c.channels)
        if tuple(z_t.shape[1:]) != wanted:
            raise UserError(f"expected a state of {wanted}, got {tuple(z_t.shape[1:])}")
        with torch.autocast(z_t.device.type, enabled=False):  # the state stays in float32
            z_t = z_t.float()
            x = self.embed(z_t if self.points is None else self.points(z_t)) + self.position
        cond = self.embed_time(t)
        if context.text is not None:
            cond = cond + context.text
        for index, (block, keys) in enumerate(zip(self.blocks, context.keys, strict=True)):
            if index == 1:  # the first block along time
                x = x + self.time_position[:, None]
            x = block(x, cond, {"cross": {"context": keys}})
        shift, scale = self.modulate(F.silu(cond))[:, None, None].chunk(2, dim=-1)
        x = self.norm(x)
        x = torch.addcmul(x + shift, x, scale)
        with torch.autocast(x.device.type, enabled=False):
            return from_patches(self.head(x.float()), self.rows, c.patch)

    def embed_time(self, t: Float[Tensor, " b"]) -> Float[Tensor, "b d"]:
        """Embedding of flow times in [0, 1]."""
        embedded: Tensor = self.time(sinusoid(t, TIME_WIDTH))
        return embedded

    def _initialise(self) -> None:
        """At first every branch and the output are nothing, as published."""
        xavier(self)
        for layer in self.time.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
        modulations = [m.linear for m in self.modules() if isinstance(m, AdaLN | AdaGate)]
        for layer in (*modulations, self.modulate, self.head):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def _block(config: DenoiserConfig, axis: Axis) -> Block:
    D = config.width
    norm = RMSNorm(D, learned=False)
    attention = Along(axis, Attention(D, config.heads))
    return Block(
        {
            "self": Branch(norm, AdaLN(D), attention),
            "cross": Branch(nn.Identity(), AdaGate(D), Attention(D, config.heads)),
            "mlp": Branch(norm, AdaLN(D), TanhMLP(D, 4 * D)),
        }
    )
