"""Patches of an image as they are: what stands for a trained encoder where there are no weights."""

import hashlib

from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.encoders.dinov2 import resize

PATCH = 8  # pixels a side


class Pixels:
    """Images -> tokens of patches of 8 x 8 pixels: their 192 RGB values, scaled to [-1, 1].

    A token is (row, column, channel) of its patch, row-major; pixels beyond the last whole patch
    are not seen, as by DINOv2.

    Args:
        size: (W, H) that images are resized to bicubically, or None to take them as they are.
    """

    width = PATCH * PATCH * 3

    def __init__(self, size: Size | None = None) -> None:
        self.size = size
        self.name = f"pixels-{PATCH}-{'native' if size is None else '{}x{}'.format(*size)}"
        self.digest = hashlib.sha256(f"pixels {PATCH}".encode()).hexdigest()

    def encode(self, items: UInt8[Tensor, "b H W 3"]) -> Float[Tensor, "b n d"]:
        """Tokens of images of one size."""
        pixels = items.permute(0, 3, 1, 2)
        if self.size is not None:
            pixels = resize(pixels, self.size)
        h, w = (side // PATCH for side in pixels.shape[-2:])
        whole = pixels[..., : h * PATCH, : w * PATCH].float() / 127.5 - 1
        tokens: Tensor = rearrange(whole, "b c (h p) (w q) -> b (h w) (p q c)", h=h, w=w)
        return tokens.cpu()
