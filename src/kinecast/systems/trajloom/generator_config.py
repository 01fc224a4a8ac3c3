"""The sizes and switches of the generator."""

from dataclasses import dataclass
from typing import Literal

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count
from kinecast.nn.mixing import Axis


@dataclass(frozen=True)
class GeneratorConfig:
    """The defaults are the published configuration.

    Attributes:
        latent_channels: C of z.
        latent_steps: t of z.
        history_channels: of the history tokens (published: VAE latents, as z), of any steps.
        video_channels: of the video tokens; None: the network has no video stream.
        text_channels: of the pooled caption; None: no text stream.
        visibility: whether the history tokens carry their visibility.
        grid: (h, w) tokens, for learned positions; None where positions are given.
        position_channels: of the positions that `context` is given for each token, so that any grid
            will do; None where they are learned.
        width, heads, depth, mlp_ratio: of the transformer; depth counts blocks.
        mixing: axes of the blocks, repeated in the order they run.
        spatial_context: what blocks along space attend to: the "last" history steps of all tokens,
            the "mean" over tokens of every step, or "none". Blocks along time always attend to the
            token's own history.
        spatial_pool: side of the token patches averaged in "last".
        spatial_last: number of history steps in "last".
        spatial_video: whether video tokens are part of "last".
        video_context: video steps beside the history's ("concat"), or added to them ("sum").
        fusion: what of the history is added to the future's tokens.
        fusion_gate: one learned gate per latent step.
        fusion_scale: its first value.
        video_fusion: whether the last video token is added too.
        frame_stride: frames between latent steps.
        future_start: frame of the future's first step; history starts at 0.
        zero_output: start with velocity 0 (published: no).
    """

    latent_channels: Count = 16
    latent_steps: Count = 21
    history_channels: Count = 16
    video_channels: Count | None = 16
    text_channels: Count | None = 4096
    visibility: bool = True
    grid: tuple[int, int] | None = (15, 26)
    position_channels: Count | None = None
    width: Count = 768
    heads: Count = 12
    depth: Count = 16
    mlp_ratio: float = 4.0
    mixing: tuple[Axis, ...] = ("time", "space")
    spatial_context: Literal["last", "mean", "none"] = "last"
    spatial_pool: Count = 1
    spatial_last: Count = 1
    spatial_video: bool = True
    video_context: Literal["concat", "sum"] = "concat"
    fusion: Literal["last+velocity", "last", "none"] = "last+velocity"
    fusion_gate: bool = True
    fusion_scale: float = 0.1
    video_fusion: bool = False
    frame_stride: Count = 4
    future_start: Count = 81
    zero_output: bool = False

    def __post_init__(self) -> None:
        if (self.grid is None) == (self.position_channels is None):
            raise UserError(
                "expected either a grid (learned positions) or position_channels (given ones), "
                f"got grid={self.grid} and position_channels={self.position_channels}"
            )
        if self.grid is None and self.spatial_pool > 1:
            raise UserError(
                f"pooling needs a grid, got spatial_pool={self.spatial_pool} with given positions"
            )
        if self.width % 2 or self.width % self.heads or self.depth % len(self.mixing):
            raise UserError(
                "expected an even width that heads divide and a depth that the mixing divides, got "
                f"width={self.width}, heads={self.heads}, depth={self.depth}, mixing={self.mixing}"
            )

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Axis of each block, in the order they run."""
        return self.mixing * (self.depth // len(self.mixing))
