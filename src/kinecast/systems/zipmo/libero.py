"""The LIBERO planner: the latents of several views of one moment, given an instruction.

Source: ZipMo, section 4 (robotics) and the released code. It differs from the poke planner in that
all views share one sequence, image tokens lie before the latents in time, and what it attends to is
a text, whose tokens are not turned to positions. A planner with start time is also told how far
into an episode the moment is.
"""

from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Num
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count
from kinecast.nn.block import Block
from kinecast.systems.zipmo.blocks import (
    CosineCrossAttention,
    CosineSelfAttention,
    Stack,
    layer,
    token,
)
from kinecast.systems.zipmo.fourier import CoordinateEmbedding
from kinecast.systems.zipmo.planner import TimeCode
from kinecast.systems.zipmo.positions import at_time
from kinecast.systems.zipmo.rope import (
    THETA_40,
    THETA_TIME,
    SpaceTimeRope,
    index_rope,
)
from kinecast.systems.zipmo.vae import IMAGE_TIME, check_heads


@dataclass(frozen=True)
class LiberoConfig:
    """Sizes; the defaults are those of the published planner without start time (ATM).

    Attributes:
        width, heads, depth: D, heads that share it, layers.
        image_width: channels of an image token.
        text_width, text_heads, text_depth: of the instruction's tokens and its encoder.
        time_width: of the code of t that scales every norm.
        channels: C of a latent.
        views: V images of one moment.
        start_time: whether it is told the episode's time step (Tra-MoE).

    Raises:
        UserError: a width that the heads do not divide, or heads too narrow for the rotations.
    """

    width: Count = 1024
    heads: Count = 16
    depth: Count = 24
    image_width: Count = 768
    text_width: Count = 768
    text_heads: Count = 12
    text_depth: Count = 6
    time_width: Count = 256
    channels: Count = 16
    views: Count = 2
    start_time: bool = False

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)
        check_heads(self.text_width, self.text_heads)


class LiberoPlanner(nn.Module):
    """velocity(z_t, t | context): latents and image tokens of all views, joint; view after view."""

    def __init__(self, config: LiberoConfig) -> None:
        super().__init__()
        self.config, D, W = config, config.width, config.text_width
        self.embed = nn.Linear(config.channels, D, bias=False)
        self.view = token(config.views, D)
        self.image_offset = token(config.views, config.image_width)
        self.image = nn.Linear(config.image_width, D, bias=False)
        self.text = Stack(_text_layer(config) for _ in range(config.text_depth))
        self.no_text = token(W)
        if config.start_time:
            self.start = CoordinateEmbedding(1, W, THETA_TIME)
        self.time = TimeCode(config.time_width)
        self.layers = Stack(_layer(config) for _ in range(config.depth))
        self.out = nn.Linear(D, config.channels, bias=False)

    def instruction(
        self, text: Float[Tensor, "b l w"], start: Num[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b s w"]:
        """Tokens that the planner attends to.

        Args:
            text: tokens of a text; a pooled one is one token.
            start: the episode's time step, where the planner has a start time. Whole numbers and
                floats give different tokens, see `CoordinateEmbedding`; roll-outs count in whole
                numbers.

        Raises:
            UserError: a start time that is missing, or one too many.
        """
        index = torch.arange(text.shape[1], device=text.device)[None, :, None].float()
        return self._with_start(self.text(text, self.text.rotations(index)), start)

    def no_instruction(
        self, count: int, start: Num[Tensor, " b"] | None = None
    ) -> Float[Tensor, "b s w"]:
        """The same without a text, for `count` clips: the unconditional planner.

        Raises:
            UserError: a start time that is missing, or one too many.
        """
        return self._with_start(self.no_text.expand(count, 1, -1), start)

    def context(
        self,
        image: Float[Tensor, "g v m i"],
        instruction: Float[Tensor, "g s w"],
        position: Float[Tensor, "m 3"],
    ) -> dict[str, Any]:
        """What `forward` needs of a condition, computed once per clip.

        Args:
            image: patch tokens of every view, as many as a view has latents.
            instruction: from `instruction` or `no_instruction`.
            position: of a view's latents: (0, y, x).
        """
        views = self.config.views
        latents, cells = position.repeat(views, 1), at_time(IMAGE_TIME, position[:, 1:])
        both = torch.cat([latents, cells.repeat(views, 1)])[None]
        tokens = self.image(image + self.image_offset[:, None])
        return {
            "image": tokens.flatten(1, 2),
            "rotations": list(self.layers.rotations(both)),
            "text": self.layers.contexts(instruction),
        }

    def forward(
        self, z_t: Float[Tensor, "b n c"], t: Float[Tensor, " b"], context: dict[str, Any]
    ) -> Float[Tensor, "b n c"]:
        """dz/dt at t of V m latents; the context's batch is that of z_t, or 1."""
        image: Tensor = context["image"]
        n = z_t.shape[1]
        x = self.embed(z_t.to(self.embed.weight.dtype))
        x = x + self.view.repeat_interleave(n // self.config.views, dim=0)
        x = torch.cat([x, image.expand(len(x), -1, -1)], dim=1)
        x = self.layers(x, context["rotations"], context["text"], self.time(1 - t))
        out: Tensor = self.out(x[:, :n])
        return -out

    def _with_start(
        self, tokens: Float[Tensor, "b l w"], start: Num[Tensor, " b"] | None
    ) -> Float[Tensor, "b s w"]:
        if (start is not None) != self.config.start_time:
            wants = "the time step of the episode" if self.config.start_time else "no time step"
            raise UserError(f"expected {wants} for this planner, got {start}")
        if start is None:
            return tokens
        return torch.cat([tokens, self.start(start[:, None])[:, None]], dim=1)


def by_view(x: Float[Tensor, "b n c"], views: int) -> Float[Tensor, "bv m c"]:
    """Latents of all views as rows of their own, for the VAE, which knows one view."""
    rows: Tensor = rearrange(x, "b (v m) c -> (b v) m c", v=views)
    return rows


def _layer(config: LiberoConfig) -> Block:
    D, heads = config.width, config.heads
    cross = CosineCrossAttention(D, config.text_width, heads)
    attention = CosineSelfAttention(D, heads, SpaceTimeRope(heads, D // heads, THETA_40))
    return layer(D, attention, cross, config.time_width)


def _text_layer(config: LiberoConfig) -> Block:
    W, heads = config.text_width, config.text_heads
    return layer(W, CosineSelfAttention(W, heads, index_rope(heads, W // heads)))
