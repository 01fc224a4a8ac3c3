"""A vision transformer compatible with DINOv2's, with and without registers.

Source: DINOv2, arXiv 2304.07193; Vision Transformers Need Registers, arXiv 2309.16588.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.core.ranges import Count, Natural
from kinecast.nn.attention import SelfAttention
from kinecast.nn.block import Block, Branch
from kinecast.nn.mlp import MLP
from kinecast.nn.modulate import LearnedGate

EPS = 1e-6


@dataclass(frozen=True)
class ViTConfig:
    """Sizes, and how the table of positions is resampled to another number of patches.

    Attributes:
        width, depth, heads: D, blocks, heads that share D.
        patch: side of a patch in pixels.
        registers: tokens that belong to no patch, beside the class token.
        side: patches along a side of the image that the table of positions was trained for.
        antialias: resample positions with a low-pass filter (DINOv2 with registers).
        offset: 0, or what is added to the number of patches to form the scale that positions are
            resampled by (0.1 in DINOv2's own code without registers; transformers uses 0).
    """

    width: Count
    depth: Count
    heads: Count
    patch: Count = 14
    registers: Natural = 0
    side: Count = 37
    antialias: bool = False
    offset: float = 0.0


class ViTTokens(NamedTuple):
    """Tokens after the last norm; patches are row-major."""

    cls: Float[Tensor, "b d"]
    registers: Float[Tensor, "b r d"]
    patches: Float[Tensor, "b n d"]


class ViT(nn.Module):
    """Tokens of images.

    Raises:
        UserError: a width that the heads do not divide.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config, D = config, config.width
        self.embed = nn.Conv2d(3, D, config.patch, stride=config.patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, D))
        self.mask = nn.Parameter(torch.zeros(1, D))
        self.position = nn.Parameter(
            nn.init.normal_(torch.empty(1, 1 + config.side**2, D), std=0.02)
        )
        if config.registers:
            self.registers = nn.Parameter(torch.zeros(1, config.registers, D))
        self.blocks = nn.ModuleList(_block(D, config.heads) for _ in range(config.depth))
        self.norm = nn.LayerNorm(D, eps=EPS)

    def positions(self, h: int, w: int) -> Float[Tensor, "1 n d"]:
        """Positions of the class token and of h x w patches, the table resampled bicubically."""
        side, offset = self.config.side, self.config.offset
        if (h, w) == (side, side):
            return self.position
        cls, table = self.position.float().split([1, side**2], dim=1)
        table = table.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        scale = ((h + offset) / side, (w + offset) / side) if offset else None
        table = F.interpolate(
            table,
            size=None if scale else (h, w),
            scale_factor=scale,
            mode="bicubic",
            antialias=self.config.antialias,
        )
        return torch.cat([cls, table.flatten(2).mT], dim=1).to(self.position.dtype)

    def forward(
        self, image: Float[Tensor, "b 3 H W"], masked: Bool[Tensor, "b n"] | None = None
    ) -> ViTTokens:
        """Tokens of normalised images; pixels beyond the last whole patch are not seen.

        Args:
            image: see `imagenet`.
            masked: patches to replace by the mask token; None: none.

        Raises:
            UserError: an image smaller than a patch.
        """
        if min(image.shape[-2:]) < self.config.patch:
            size, patch = tuple(image.shape[-2:]), self.config.patch
            raise UserError(f"expected an image of at least {patch}x{patch} pixels, got {size}")
        grid = self.embed(image)
        x = grid.flatten(2).mT
        if masked is not None:
            x = torch.where(masked[..., None], self.mask, x)
        b, count = len(x), self.config.registers
        x = torch.cat([self.cls.expand(b, -1, -1), x], dim=1) + self.positions(*grid.shape[-2:])
        cls, patches = x[:, :1], x[:, 1:]
        extra = self.registers.expand(b, -1, -1) if count else x[:, :0]
        x = torch.cat([cls, extra, patches], dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return ViTTokens(x[:, 0], x[:, 1 : 1 + count], x[:, 1 + count :])


def _block(width: int, heads: int) -> Block:
    ops = {"attention": SelfAttention(width, heads, qk_norm=False), "mlp": MLP(width, 4 * width)}
    return Block(
        {
            name: Branch(nn.LayerNorm(width, eps=EPS), LearnedGate(width), op)
            for name, op in ops.items()
        }
    )


def imagenet(image: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b 3 H W"]:
    """Standardise an image in [0, 1] by the mean and deviation of ImageNet's colours."""
    mean = image.new_tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = image.new_tensor([0.229, 0.224, 0.225])[:, None, None]
    return (image - mean) / deviation


def fit_square(image: Float[Tensor, "b 3 H W"], side: int) -> Float[Tensor, "b 3 side side"]:
    """Resize to side x side as ZipMo does: average whole blocks of pixels, then bilinear.

    The aspect ratio is not kept.
    """
    block = min(image.shape[-2:]) // side
    if block > 1:
        image = F.avg_pool2d(image, block)
    if image.shape[-2:] == (side, side):
        return image
    return F.interpolate(image, (side, side), mode="bilinear", align_corners=False)
