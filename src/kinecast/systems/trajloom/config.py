"""Sizes of our own TrajLoom models, and the published one."""

from dataclasses import dataclass

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count, Natural
from kinecast.systems.trajloom.codec import CodecConfig
from kinecast.systems.trajloom.generator_config import GeneratorConfig
from kinecast.systems.trajloom.history import POSITION_FEATURES, HistoryConfig


@dataclass(frozen=True)
class TrajLoomConfig:
    """A history-only model around a learned mean.

    Attributes:
        frames: window of history and of forecast.
        patch: cells on a side of a token.
        channels: latent channels of a token.
        width, heads: of both transformers.
        history_depth, flow_depth: blocks of the history encoder and of the flow.
        visibility_width: hidden units of the visibility head.
        mean: whether the flow works around a learned mean; without one, around rest.
        codec_depth: blocks that correct the linear codec, on either side; 0: it stays linear.
    """

    frames: Count = 81
    patch: Count = 2
    channels: Count = 144
    width: Count = 192
    heads: Count = 3
    history_depth: Count = 4
    flow_depth: Count = 6
    visibility_width: Count = 128
    mean: bool = True
    codec_depth: Natural = 0

    @property
    def codec(self) -> CodecConfig:
        """Of the codec, linear or residual."""
        return CodecConfig(
            self.frames, self.patch, self.channels, self.codec_depth, self.width, self.heads
        )

    @property
    def history(self) -> HistoryConfig:
        """Of the history encoder."""
        return HistoryConfig(
            self.frames, self.patch, self.width, self.history_depth, self.heads, self.mean
        )

    @property
    def generator(self) -> GeneratorConfig:
        """The published generator with one latent step: blocks along space only."""
        return GeneratorConfig(
            latent_channels=self.channels,
            latent_steps=1,
            history_channels=self.width,
            video_channels=None,
            text_channels=None,
            visibility=False,
            grid=None,
            position_channels=POSITION_FEATURES,
            width=self.width,
            heads=self.heads,
            depth=self.flow_depth,
            mixing=("space",),
            spatial_context="none",
            fusion="last",
            fusion_gate=False,
            fusion_scale=1.0,
            frame_stride=self.frames,
            future_start=self.frames,
            zero_output=True,
        )


SIZES = {
    "tiny": TrajLoomConfig(channels=32, width=64, heads=1, history_depth=2, flow_depth=2),
    "small": TrajLoomConfig(),
    "base": TrajLoomConfig(
        width=512, heads=8, history_depth=8, flow_depth=12, patch=1, channels=40
    ),
}


def preset(size: str) -> TrajLoomConfig:
    """The configuration of a size.

    Raises:
        UserError: an unknown size.
    """
    if size not in SIZES:
        raise UserError(f"expected size {', '.join(SIZES)}, got {size!r}")
    return SIZES[size]
