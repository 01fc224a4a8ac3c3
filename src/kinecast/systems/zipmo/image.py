"""The start frame as DINOv2's patch tokens, by the network that comes with the weights."""

from jaxtyping import Float, UInt8
from torch import Tensor

from kinecast.nn.vit import ViT, fit_square, imagenet


def patch_tokens(vit: ViT, pixels: UInt8[Tensor, "b H W 3"], cells: int) -> Float[Tensor, "b m i"]:
    """Tokens of cells x cells patches, row-major; the aspect ratio of the frame is not kept.

    Source: ZipMo, section 3.1: a DINOv2 at 224 x 224 (16 x 16 patches), frozen at first.
    """
    image = pixels.permute(0, 3, 1, 2) / 255.0
    return vit(imagenet(fit_square(image, cells * vit.config.patch))).patches
