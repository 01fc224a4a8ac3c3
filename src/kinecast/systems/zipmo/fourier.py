"""Coordinates as tokens: Fourier features of each, then two feed-forward blocks.

Source: ZipMo, appendix B ("tracker points are first Fourier embedded and processed with an MLP").
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor, nn

from kinecast.systems.zipmo.blocks import feed_forward


class CoordinateEmbedding(nn.Module):
    """[sin(c w), cos(c w)] of each coordinate c for fixed random w, no factor 2 pi, then an MLP.

    Args:
        coordinates: how many a point has.
        width: of a token; what the features leave of it is zero.
        theta: 95 % of the frequencies lie below it.
    """

    def __init__(self, coordinates: int, width: int, theta: float) -> None:
        super().__init__()
        self.width = width
        self.frequency: Tensor
        frequency = nn.init.normal_(torch.empty(width // (2 * coordinates)), std=theta / 1.96)
        self.register_buffer("frequency", frequency)
        self.mlp = nn.Sequential(feed_forward(width), feed_forward(width))

    def forward(self, points: Num[Tensor, "*rows k"]) -> Float[Tensor, "*rows d"]:
        """Tokens. Whole numbers (an episode's time step) meet frequencies cut to whole numbers.

        The released policies were rolled out that way, so their numbers depend on it.
        """
        angle = (points[..., None] * self.frequency.to(points.dtype)).float()
        features = torch.stack([angle.sin(), angle.cos()], dim=-2).flatten(-3)
        features = F.pad(features, (0, self.width - features.shape[-1]))
        tokens: Tensor = self.mlp(features)
        return tokens
