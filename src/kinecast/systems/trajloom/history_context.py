"""What the generator makes of its condition, once per clip.

Source: TrajLoom, section 3.3.1 and appendix E.1.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from kinecast.core.errors import UserError
from kinecast.nn.embed import sinusoid
from kinecast.systems.trajloom.generator_config import GeneratorConfig

Mask = Bool[Tensor, "b n"]
HISTORY, FUTURE = 0, 1  # segments


class HistoryContext(nn.Module):
    """History, video and caption -> context tokens, hints for the future's tokens, global vector.

    Absent streams behave as in the published network: visibility and video count as zeros, the
    caption's term is skipped.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.track = nn.Linear(config.history_channels, D)
        self.segment = nn.Parameter(nn.init.trunc_normal_(torch.empty(2, D), std=0.02))
        self.track_global = nn.Linear(2 * config.history_channels, D)
        self.track_global_scale = nn.Parameter(torch.ones(()))
        if config.grid is not None:
            h, w = config.grid
            self.position = nn.Parameter(nn.init.trunc_normal_(torch.empty(h * w, D), std=0.02))
        elif config.position_channels is not None:
            self.position_in = nn.Linear(config.position_channels, D)
        if config.visibility:
            self.visibility = nn.Linear(1, D)
            nn.init.zeros_(self.visibility.weight)
            nn.init.zeros_(self.visibility.bias)
            self.visibility_scale = nn.Parameter(torch.ones(()))
        if config.video_channels is not None:
            self.video = nn.Linear(config.video_channels, D)
            self.video_scale = nn.Parameter(torch.ones(()))
            self.video_global = nn.Linear(config.video_channels, D)
            self.video_global_scale = nn.Parameter(torch.ones(()))
        if config.text_channels is not None:
            self.text = nn.Linear(config.text_channels, D)
        if config.fusion != "none":
            self.fusion_scale = nn.Parameter(torch.tensor(config.fusion_scale))
        if config.video_fusion:
            self.video_fusion_scale = nn.Parameter(torch.tensor(config.fusion_scale / 2))
        self.fusion_gate: nn.Parameter | None = None
        if config.fusion_gate and (config.fusion != "none" or config.video_fusion):
            open_first = torch.linspace(0.95, 0.35, config.latent_steps)
            self.fusion_gate = nn.Parameter(torch.logit(open_first))

    def positions(
        self, given: Float[Tensor, "b n p"] | None
    ) -> Float[Tensor, "b n d"] | Float[Tensor, "1 n d"]:
        """Embedding of each token's position.

        Raises:
            UserError: positions are given to a network that learned its own, or the reverse.
        """
        if (given is None) != (self.config.position_channels is None):
            raise UserError(
                "expected positions exactly where the configuration has position_channels="
                f"{self.config.position_channels}, got {'none' if given is None else 'some'}"
            )
        return self.position[None] if given is None else self.position_in(given)

    def tracks(
        self, history: Float[Tensor, "b s n c"], visible: Float[Tensor, "b s n"] | None
    ) -> Float[Tensor, "b s n d"]:
        """History tokens."""
        tokens = self.track(history)
        if not self.config.visibility:
            return tokens
        seen = history.new_zeros(history.shape[:3]) if visible is None else visible
        return tokens + self.visibility_scale * self.visibility(seen[..., None])

    def videos(
        self, video: Float[Tensor, "b s n v"] | None, like: Tensor
    ) -> Float[Tensor, "b s n d"] | None:
        """Video tokens; None for a network without them."""
        if self.config.video_channels is None:
            if video is not None:
                raise UserError("expected no video: this network has no video stream")
            return None
        return self.video(self._video_or_zeros(video, like))

    def tokens(
        self, track: Float[Tensor, "b s n d"], video: Float[Tensor, "b s n d"] | None
    ) -> Float[Tensor, "b r n d"]:
        """Context tokens of every step, with time and segment: history steps, then video's."""
        steps = torch.arange(track.shape[1], device=track.device) * self.config.frame_stride
        time = sinusoid(steps.float(), self.config.width)[:, None] + self.segment[HISTORY]
        if video is None:
            return track + time
        video = self.video_scale * video
        if self.config.video_context == "sum":
            return track + video + time
        return torch.cat([track + time, video + time], dim=1)

    def spatial(
        self,
        tokens: Float[Tensor, "b r n d"],
        steps: int,
        position: Float[Tensor, "#b n d"],
        mask: Mask | None,
    ) -> tuple[Float[Tensor, "b m d"], Bool[Tensor, "b m"] | None]:
        """What blocks along space attend to, and which of it is real; `steps` are the history's."""
        c = self.config
        if c.spatial_context == "mean":
            return mean_over(tokens, mask, (2,)), None
        streams = [tokens[:, :steps], tokens[:, steps:]]
        last = [s[:, -c.spatial_last :] for s in streams[: 2 if c.spatial_video else 1]]
        kept = torch.cat(last, dim=1)
        if c.spatial_pool > 1 and c.grid is not None:
            kept = block_mean(kept, c.grid, c.spatial_pool)
            position = block_mean(position[:, None], c.grid, c.spatial_pool)[:, 0]
        context = (kept + position[:, None]).flatten(1, 2)
        return context, None if mask is None else mask.repeat(1, kept.shape[1])

    def hints(
        self,
        track: Float[Tensor, "b s n d"],
        video: Float[Tensor, "b s n d"] | None,
        position: Float[Tensor, "#b n d"],
    ) -> Float[Tensor, "#b t n d"]:
        """What the future's tokens start from: time, segment, position, token-aligned fusion."""
        c = self.config
        frames = c.future_start + c.frame_stride * torch.arange(c.latent_steps, device=track.device)
        time = sinusoid(frames.float(), c.width) + self.segment[FUTURE]
        hint = time[:, None] + position[:, None]
        gate = 1.0 if self.fusion_gate is None else self.fusion_gate.sigmoid()[:, None, None]
        if c.fusion != "none":
            last = track[:, -1:]
            ahead = torch.linspace(0.0, 1.0, c.latent_steps, device=track.device)[:, None, None]
            velocity = last - track[:, -2:-1] if track.shape[1] > 1 else torch.zeros_like(last)
            line = last + ahead * velocity if c.fusion == "last+velocity" else last
            hint = hint + self.fusion_scale * gate * line
        if c.video_fusion and video is not None:
            hint = hint + self.video_fusion_scale * gate * video[:, -1:]
        return hint

    def summary(
        self,
        history: Float[Tensor, "b s n c"],
        video: Float[Tensor, "b s n v"] | None,
        text: Float[Tensor, "b w"] | None,
        mask: Mask | None,
    ) -> Float[Tensor, "b d"]:
        """The part of the modulation vector that does not depend on time.

        Raises:
            UserError: a caption for a network that has no text stream.
        """
        mean, last = mean_over(history, mask, (1, 2)), mean_over(history[:, -1:], mask, (1, 2))
        cond = self.track_global_scale * self.track_global(torch.cat([mean, last], dim=-1))
        if self.config.video_channels is not None:
            seen = mean_over(self._video_or_zeros(video, history), mask, (1, 2))
            cond = cond + self.video_global_scale * self.video_global(seen)
        if text is not None:
            if self.config.text_channels is None:
                raise UserError("expected no caption: this network has no text stream")
            cond = cond + self.text(text)
        return cond

    def _video_or_zeros(self, video: Tensor | None, like: Tensor) -> Tensor:
        if video is not None:
            return video
        return like.new_zeros(*like.shape[:3], self.video.in_features)


def mean_over(
    x: Float[Tensor, "b s n d"], mask: Mask | None, axes: tuple[int, ...]
) -> Float[Tensor, "b *rest d"]:
    """Mean over `axes`, counting the real tokens only."""
    if mask is None:
        return x.mean(axes)
    real = mask[:, None, :, None].to(x.dtype).expand(-1, x.shape[1], -1, -1)
    return (x * real).sum(axes) / real.sum(axes)


def block_mean(
    x: Float[Tensor, "b s n d"], grid: tuple[int, int], side: int
) -> Float[Tensor, "b s m d"]:
    """Mean over side x side patches of a row-major grid; cut patches average what they have."""
    steps, width = x.shape[1], x.shape[3]
    cells = x.unflatten(2, grid).flatten(0, 1).movedim(-1, 1)
    pooled = F.avg_pool2d(cells, side, ceil_mode=True, count_include_pad=False)
    return pooled.movedim(1, -1).reshape(-1, steps, pooled.shape[2] * pooled.shape[3], width)
