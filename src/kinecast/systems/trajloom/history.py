"""The history encoder of our own models: what was seen -> tokens, a mean future and its scale.

Two additions to the paper live here. The mean is a learned mixture of kinematic extrapolators plus
a smooth residual: it is exact where a trivial forecast is, so the network only learns which to
trust, and when. The scale says, per token and latent channel, how far the future may stray from the
mean; the flow works in these units, around that mean. Frames that are missing (a history shorter
than the window) are frames in which nothing is visible.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from kinecast.core import coords
from kinecast.core.ranges import Count
from kinecast.nn.block import gated_block
from kinecast.nn.norm import RMSNorm
from kinecast.systems.base import FieldBatch
from kinecast.systems.trajloom.kinematic import EXTRAPOLATORS, damped_time, fit_lines
from kinecast.systems.trajloom.patches import to_cells, to_tokens

STILL = 0.02  # reference px per frame: below the jitter of any tracker
FREQUENCIES = 6  # of the Fourier features of a position
POSITION_FEATURES = 4 * FREQUENCIES


@dataclass(frozen=True)
class HistoryConfig:
    """Sizes of the history encoder.

    Attributes:
        frames: window length of history and of forecast.
        patch: cells on a side of a token.
        width, depth, heads: of the transformer over tokens.
        mean: whether there is one; without, the mean future is rest.
        knots: times at which the mixture is decided; it is linear between them.
        waves: terms of the smooth residual.
    """

    frames: Count
    patch: Count
    width: Count
    depth: Count
    heads: Count
    mean: bool = True
    knots: Count = 7
    waves: Count = 12


@dataclass(frozen=True)
class HistoryCode:
    """What the encoder makes of a history.

    Attributes:
        tokens: one per patch of cells.
        positions: Fourier features of where each token's points were last.
        mean: displacement from the last position, reference pixels.
        log_scale: of each latent channel around the mean, relative to the channel's own scale.
    """

    tokens: Float[Tensor, "b n d"]
    positions: Float[Tensor, "b n f"]
    mean: Float[Tensor, "b t h w 2"]
    log_scale: Float[Tensor, "b n c"]


class HistoryEncoder(nn.Module):
    """History field -> `HistoryCode`; the grid may have any size."""

    reach: Tensor
    hold: Tensor
    wave: Tensor

    def __init__(self, config: HistoryConfig, latent_channels: int) -> None:
        super().__init__()
        self.config = config
        cells = config.patch**2
        experts = len(EXTRAPOLATORS)
        point_features = 3 * config.frames + 2 * experts + 4
        self.embed_point = nn.Sequential(
            nn.Linear(point_features, config.width), nn.GELU(), nn.Linear(config.width, 96)
        )
        self.embed_patch = nn.Linear(cells * 96, config.width)
        self.embed_position = nn.Linear(POSITION_FEATURES, config.width)
        self.blocks = nn.ModuleList(
            gated_block(config.width, config.heads) for _ in range(config.depth)
        )
        self.norm = RMSNorm(config.width, learned=True)
        if config.mean:
            self.mixture = _zero_linear(config.width, cells * config.knots * experts)
            self.residual = _zero_linear(config.width, cells * config.waves * 2)
        self.log_scale = _zero_linear(config.width, latent_channels)
        self.register_buffer("reach", _mixture_reach(config), persistent=False)
        self.register_buffer("hold", _knot_weights(config).T, persistent=False)
        self.register_buffer("wave", _waves(config), persistent=False)

    def forward(self, history: FieldBatch) -> HistoryCode:
        """See `HistoryCode`. The history has at most `frames` frames."""
        xy, visible = history.xy, history.visible
        h, w = xy.shape[2:4]
        patch = self.config.patch
        last = xy[:, -1:]
        moved = coords.displacement_to_reference(xy - last, history.size)
        missing = self.config.frames - xy.shape[1]
        moved = F.pad(moved, (0, 0) * 3 + (missing, 0))
        visible = F.pad(visible, (0, 0) * 2 + (missing, 0))
        present = visible.flatten(2).any(-1)[..., None, None, None]
        moved = moved * present  # whatever a missing frame was filled with
        points = torch.cat([moved, visible[..., None].to(moved.dtype)], dim=-1)
        points = to_tokens(points, patch)  # (b, n, cells, T, 3)
        n, cells = points.shape[1:3]
        moved = points[..., :2].flatten(1, 2).transpose(1, 2)  # (b, T, n * cells, 2)
        visible = points[..., 2].flatten(1, 2).transpose(1, 2) > 0.5

        position, velocity = fit_lines(moved, visible)
        speed = velocity[:, :, 4].norm(dim=-1)  # the fit over 8 frames
        clip_speed = speed.mean(1, keepdim=True) + STILL
        features = torch.cat(
            [
                _symlog(moved / (8 * clip_speed[:, None, :, None])).permute(0, 2, 3, 1).flatten(2),
                visible.transpose(1, 2).to(moved.dtype),
                _symlog(velocity / 0.2).flatten(2),
                torch.log(speed + STILL)[..., None],
                torch.log(clip_speed).expand_as(speed)[..., None],
                position[:, :, 4] / (speed + STILL)[..., None],
            ],
            dim=-1,
        )
        positions = self._position_features(last, history.size)
        tokens = self.embed_point(features).unflatten(1, (n, cells)).flatten(2)
        tokens = self.embed_patch(tokens) + self.embed_position(positions)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)

        mean = moved.new_zeros(len(moved), n * cells, self.config.frames, 2)
        if self.config.mean:
            mean = self._mean(tokens, position, velocity, speed + 0.1 * clip_speed)
        return HistoryCode(
            tokens=tokens,
            positions=positions,
            mean=to_cells(mean.unflatten(1, (n, cells)), h, w, patch),
            log_scale=self.scale(tokens),
        )

    def scale(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b n c"]:
        """Logarithm of the scale of each latent channel around the mean."""
        return self.log_scale(tokens).float().clamp(-6.0, 4.0)

    def _mean(
        self,
        tokens: Float[Tensor, "b n d"],
        position: Float[Tensor, "b m e 2"],
        velocity: Float[Tensor, "b m e 2"],
        scale: Float[Tensor, "b m"],
    ) -> Float[Tensor, "b m t 2"]:
        config, (b, m, experts) = self.config, position.shape[:3]
        logits = self.mixture(tokens).view(b, m, config.knots, experts)
        waves = self.residual(tokens).view(b, m, config.waves, 2)
        with torch.autocast(tokens.device.type, enabled=False):  # coordinates stay in float32
            share = logits.float().softmax(-1)[..., None]  # (b, m, knots, e, 1)
            travel = (share * velocity[:, :, None]).flatten(2, 3)
            start = (share * position[:, :, None]).sum(3)
            smooth = waves.float() * scale[..., None, None]
            parts = torch.cat([travel, start, smooth], dim=2)
            basis = torch.cat([self.reach, self.hold, self.wave])
            return torch.einsum("bmkc,kt->bmtc", parts, basis)

    def _position_features(
        self, last: Float[Tensor, "b 1 h w 2"], size: coords.Size
    ) -> Float[Tensor, "b n f"]:
        place = to_tokens(last, self.config.patch)[:, :, :, 0].mean(2)
        place = coords.displacement_to_reference(place, size) / 256.0  # about +-1.6, isotropic
        angle = place[..., None] * (math.pi * 2.0 ** torch.arange(-1, FREQUENCIES - 1)).to(place)
        return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(2)


def _zero_linear(width: int, out: int) -> nn.Linear:
    linear = nn.Linear(width, out)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def _symlog(x: Tensor) -> Tensor:
    """Sign-keeping logarithm: fine near 0, tame far from it."""
    return x.sign() * x.abs().log1p()


def _knot_weights(config: HistoryConfig) -> Float[Tensor, "t k"]:
    """Linear interpolation from knots to frames 1..T; knots are denser near the present."""
    frame = torch.arange(1, config.frames + 1, dtype=torch.float64)
    knot = torch.linspace(0, 1, config.knots, dtype=torch.float64) ** 1.5
    knot = 1 + (config.frames - 1) * knot
    gap = (frame[:, None] - knot) / torch.cat([knot[1:] - knot[:-1], knot[-1:] - knot[-2:-1]])
    before = torch.cat([knot[1:2] - knot[:1], knot[1:] - knot[:-1]])
    rise = 1 + (frame[:, None] - knot) / before
    weight = torch.where(gap < 0, rise, 1 - gap).clamp(0, 1)
    return weight.float()


def _mixture_reach(config: HistoryConfig) -> Float[Tensor, "ke t"]:
    """How far one unit of each (knot, extrapolator) velocity travels by frame t."""
    weight = _knot_weights(config).T[:, None]  # (k, 1, t)
    return (weight * damped_time(config.frames)[None]).flatten(0, 1)


def _waves(config: HistoryConfig) -> Float[Tensor, "r t"]:
    """Smooth curves that start at 0 now and end free: sin((r - 1/2) pi t / T), largest first."""
    frame = torch.arange(1, config.frames + 1, dtype=torch.float64) / config.frames
    order = torch.arange(1, config.waves + 1, dtype=torch.float64)[:, None]
    return (torch.sin((order - 0.5) * math.pi * frame) * 10.0 / order).float()
