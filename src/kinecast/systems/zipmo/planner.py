"""The planner: a rectified flow over the VAE's latents, given an image and pokes.

Source: ZipMo, section 3.2 and appendix B, table F. Pokes are rows (y start, x start, y end, x end,
t end), positions normalised to [-1, 1], t in [0, 1] with 1 the last frame. Published weights count
time from data to noise; here t = 0 is noise, as everywhere, and the network sees 1 - t.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count
from kinecast.nn.attention import KeyValue
from kinecast.nn.norm import RMSNorm
from kinecast.systems.zipmo.blocks import (
    CosineCrossAttention,
    CosineSelfAttention,
    Rotations,
    Stack,
    feed_forward,
    layer,
    token,
)
from kinecast.systems.zipmo.fourier import CoordinateEmbedding
from kinecast.systems.zipmo.positions import at_time
from kinecast.systems.zipmo.rope import THETA_10, SpaceTimeRope
from kinecast.systems.zipmo.vae import check_heads


@dataclass(frozen=True)
class PlannerConfig:
    """Sizes; the defaults are the published sparse planner's.

    Attributes:
        width, heads, depth: D, heads that share it, layers.
        image_width, poke_width: channels of an image token and of a poke's token.
        time_width: of the code of t that scales every norm.
        channels: C of a latent.
        pokes: P tokens that the planner was trained with.
        fill: whether fewer pokes are filled up with zeros (the sparse planner), or it takes P only
            (the dense one, P = 40).

    Raises:
        UserError: a width that the heads do not divide, or heads too narrow for the rotations.
    """

    width: Count = 1024
    heads: Count = 16
    depth: Count = 24
    image_width: Count = 768
    poke_width: Count = 768
    time_width: Count = 256
    channels: Count = 16
    pokes: Count = 16
    fill: bool = True

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)

    @property
    def least(self) -> int:
        """Pokes that it must be given."""
        return 0 if self.fill else self.pokes


class TimeCode(nn.Module):
    """What the flow's time tells every layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.frequency = nn.Parameter(nn.init.normal_(torch.empty(width // 2, 1)))
        self.embed = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(
            RMSNorm(width, learned=True),
            feed_forward(width),
            feed_forward(width),
            RMSNorm(width, learned=True),
        )

    def forward(self, noise: Float[Tensor, " b"]) -> Float[Tensor, "b c"]:
        """The code of noise levels in [0, 1]."""
        with torch.autocast(noise.device.type, enabled=False):  # time stays in float32
            turns = 2 * math.pi * noise.float()[:, None] * self.frequency[:, 0]
            out: Tensor = self.mlp(self.embed(torch.cat([turns.cos(), turns.sin()], dim=-1)))
        return out


class PokeTokens(NamedTuple):
    """Tokens that the planner attends to, and where they are."""

    tokens: Float[Tensor, "b p w"]
    positions: Float[Tensor, "b p 3"]


class Planner(nn.Module):
    """velocity(z_t, t | context): latents and image tokens attend to each other and to pokes."""

    def __init__(self, config: PlannerConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.embed = nn.Linear(config.channels, D, bias=False)
        self.image_offset = token(config.image_width)
        self.image = nn.Linear(config.image_width, D, bias=False)
        self.poke = CoordinateEmbedding(3, config.poke_width, THETA_10)
        self.time = TimeCode(config.time_width)
        self.layers = Stack(self._layer() for _ in range(config.depth))
        self.out = nn.Linear(D, config.channels, bias=False)

    def poke_tokens(self, pokes: Float[Tensor, "b p 5"]) -> PokeTokens:
        """A token for each poke's end, at its start; zeros at 0 fill them up.

        A zero token is no neutral one: it takes attention and gives nothing.

        Raises:
            UserError: more pokes than the planner takes, or fewer where it does not fill.
        """
        count, wanted = pokes.shape[1], self.config.pokes
        if not self.config.least <= count <= wanted:
            which = "at most" if self.config.fill else "exactly"
            raise UserError(f"expected {which} {wanted} pokes, got {count}")
        tokens, positions = self.poke(pokes[..., 2:]), at_time(0.0, pokes[..., :2])
        missing = (0, 0, 0, wanted - count)
        return PokeTokens(F.pad(tokens, missing), F.pad(positions, missing))

    def no_pokes(self, like: Tensor) -> PokeTokens:
        """Zeros in place of all pokes: the unconditional planner."""
        tokens = like.new_zeros(1, self.config.pokes, self.config.poke_width)
        return PokeTokens(tokens, like.new_zeros(1, self.config.pokes, 3))

    def context(
        self,
        image: Float[Tensor, "g m i"],
        pokes: PokeTokens,
        position: Float[Tensor, "n 3"],
    ) -> dict[str, Any]:
        """What `forward` needs of a condition, computed once per clip.

        Args:
            image: patch tokens of as many cells as a step of latents has.
            pokes: from `poke_tokens` or `no_pokes`.
            position: of the latents, (0, y, x), and of the image tokens. Latents of several steps
                have times of their own (ZipMo, appendix B), the image then lies at 0.
        """
        cells = image.shape[1]
        seen = position if len(position) == cells else at_time(0.0, position[:cells, 1:])
        both = torch.cat([position, seen])[None]
        return {
            "image": self.image(image + self.image_offset),
            "rotations": list(self.layers.rotations(both)),
            "pokes": self.poke_contexts(pokes),
        }

    def poke_contexts(self, pokes: PokeTokens) -> list[KeyValue]:
        """Every layer's keys and values of the pokes."""
        return self.layers.contexts(*pokes)

    def forward(
        self, z_t: Float[Tensor, "b n c"], t: Float[Tensor, " b"], context: dict[str, Any]
    ) -> Float[Tensor, "b n c"]:
        """dz/dt at t; the context's batch is that of z_t, or 1: samples of one clip share it."""
        image: Tensor = context["image"]
        rotations: list[Rotations] = context["rotations"]
        n = z_t.shape[1]
        x = self.embed(z_t)
        x = torch.cat([x, image.expand(len(x), -1, -1)], dim=1)
        x = self.layers(x, rotations, context["pokes"], self.time(1 - t))
        out: Tensor = self.out(x[:, :n])
        return -out

    def _layer(self) -> nn.Module:
        D, heads = self.config.width, self.config.heads

        def rope() -> SpaceTimeRope:
            return SpaceTimeRope(heads, D // heads, THETA_10)

        cross = CosineCrossAttention(D, self.config.poke_width, heads, rope())
        attention = CosineSelfAttention(D, heads, rope())
        return layer(D, attention, cross, self.config.time_width)
