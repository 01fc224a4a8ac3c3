"""DINOv2's patch tokens of an image, by our own ViT: no package is needed, only the weights."""

import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from torch import Tensor

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.encoders.dinov2_keys import ORIGINAL, Layout, find_vit, to_vit, vit_keys
from kinecast.encoders.files import CONFIG, digest, find_files
from kinecast.io.checkpoint import WEIGHTS, load_into
from kinecast.nn.vit import ViT, ViTConfig, imagenet

HEAD = 64  # channels of a head, in every published size
OFFSET = 0.1  # see `ViTConfig.offset`: of the original code, without registers


class DinoV2:
    """Images -> patch tokens after the last norm; the class token and registers are dropped.

    Args:
        source: a folder of transformers, a safetensors file in the original layout (ZipMo's
            published files hold one), a checkpoint of ours that holds one, or None to look for
            `facebook/<kind>`.
        kind: as on the Hugging Face hub, for example "dinov2-small".
        size: (W, H) that images are resized to bicubically, or None to take them as they are;
            pixels beyond the last whole patch are not seen.
        device: where it runs, in float32.

    Raises:
        UserError: no such files, or files that hold no DINOv2.
    """

    def __init__(
        self,
        source: str | Path | None = None,
        kind: str = "dinov2-small",
        size: Size | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self.path = find_files(source, (f"facebook/{kind}",))
        self.size, self.device = size, torch.device(device)
        self.vit = read_vit(self.path).to(self.device).eval().requires_grad_(False)
        self.width = self.vit.config.width
        self.name = f"{kind}-{'native' if size is None else '{}x{}'.format(*size)}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of its files."""
        return digest(self.path)

    @torch.no_grad()
    def encode(self, items: UInt8[Tensor, "b H W 3"]) -> Float[Tensor, "b n d"]:
        """Tokens of images of one size."""
        pixels = items.permute(0, 3, 1, 2)
        if self.size is not None:
            pixels = resize(pixels, self.size)
        tokens: Tensor = self.vit(imagenet(pixels.to(self.device) / 255.0)).patches
        return tokens.cpu()


def resize(pixels: UInt8[Tensor, "b 3 H W"], size: Size) -> UInt8[Tensor, "b 3 h w"]:
    """Bicubic with a low-pass filter, to whole levels: what transformers' processor does."""
    W, H = size
    if pixels.shape[-2:] == (H, W):
        return pixels
    return F.interpolate(pixels, (H, W), mode="bicubic", align_corners=False, antialias=True)


def read_vit(path: Path) -> ViT:
    """The ViT of a folder or of a safetensors file; of a file that holds several, the first.

    Raises:
        UserError: no DINOv2 there, or one whose tensors do not fit its configuration.
    """
    weights = path / WEIGHTS if path.is_dir() else path
    try:
        with safe_open(weights, framework="pt") as file:
            keys = list(file.keys())
            layout, prefix = find_vit(keys)
            own = [key for key in keys if key.startswith(prefix)]
            published = {key.removeprefix(prefix): file.get_tensor(key) for key in own}
    except (OSError, SafetensorError) as error:
        raise UserError(f"expected safetensors at {weights}, got: {error}") from error
    try:
        config = vit_config(published, layout, _heads(path))
    except KeyError as error:
        raise UserError(f"expected DINOv2 at {weights}, got none with {error}") from error
    vit = ViT(config)
    load_into(vit, to_vit(vit_keys(config, layout), published), str(weights))
    return vit


def vit_config(published: Mapping[str, Tensor], layout: Layout, heads: int | None) -> ViTConfig:
    """The configuration that the tensors' shapes tell.

    Args:
        heads: or None for the 64 channels a head of every published size.

    Raises:
        KeyError: an essential tensor is missing.
        UserError: heads that are not known, and a width that 64 does not divide.
    """
    stem = layout.stem
    embed, position = published[f"{stem['embed']}.weight"], published[stem["position"]]
    if heads is None:
        if len(embed) % HEAD:
            raise UserError(
                f"expected DINOv2 of a published size, with {HEAD} channels a head, or a folder "
                f"whose config.json tells the heads, got {len(embed)} channels"
            )
        heads = len(embed) // HEAD
    registers = published.get(stem["registers"])
    count = 0 if registers is None else registers.shape[1]
    return ViTConfig(
        width=len(embed),
        depth=len([key for key in published if key.endswith(f".{layout.tell}")]),
        heads=heads,
        patch=embed.shape[-1],
        registers=count,
        side=math.isqrt(position.shape[1] - 1),
        antialias=count > 0,
        offset=OFFSET if layout is ORIGINAL and not count else 0.0,
    )


def _heads(path: Path) -> int | None:
    """From the config.json of a transformers' folder or of a checkpoint of ours, else None."""
    if not path.is_dir():
        return None
    config = json.loads((path / CONFIG).read_text("utf-8"))
    image = config.get("model", {}).get("image") or {}
    return config.get("num_attention_heads") or image.get("heads")
