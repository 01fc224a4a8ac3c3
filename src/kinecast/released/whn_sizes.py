"""Sizes of WHN's published networks, read from their tensors.

All but the number of heads: there are 64 channels a head in every published network.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.nn.embed import sincos_2d
from kinecast.systems.whn.config import DenoiserConfig, VAEConfig

HEAD = 64


def denoiser_config(tensors: Mapping[str, Tensor], heads: int | None = None) -> DenoiserConfig:
    """Of a denoiser; one of points has a point encoder.

    Args:
        tensors: by published keys.
        heads: of its attention; None: one for each 64 channels.

    Raises:
        UserError: a tensor that tells a size is missing or misshapen, or the heads cannot be told.
    """
    sizes = _Sizes(tensors, "denoiser")
    raw = "x_encoder.lff.w" in tensors
    patch = sizes.of("x_embedder.proj.weight", 4)[3]
    rows, columns = sizes.table("pos_embed")
    width = sizes.of("pos_embed", 3)[2]
    return DenoiserConfig(
        grid=(rows * patch, columns * patch),
        patch=patch,
        frames=sizes.of("temp_embed", 3)[1],
        channels=2 if raw else sizes.of("x_embedder.proj.weight", 4)[1],
        width=width,
        heads=_heads(width, heads, "heads"),
        depth=sizes.blocks("blocks."),
        features=sizes.of("frame_proj.weight", 2)[1],
        tokens=sizes.table("frame_embed"),
        text=(
            sizes.of("text_embeds_proj.fc1.weight", 2)[1]
            if any(key.startswith("text_embeds_proj.") for key in tensors)
            else None
        ),
        point_width=2 * sizes.of("x_encoder.lff.w", 2)[0] if raw else None,
    )


def vae_config(tensors: Mapping[str, Tensor], heads: int | None = None) -> VAEConfig:
    """Of a VAE. Arguments and errors as of `denoiser_config`."""
    sizes = _Sizes(tensors, "VAE")
    patch = sizes.of("x_embedder.proj.weight", 4)[3]
    rows, columns = sizes.table("pos_embed")
    width = sizes.of("pos_embed", 3)[2]
    return VAEConfig(
        grid=(rows * patch, columns * patch),
        patch=patch,
        frames=sizes.of("temp_embed", 3)[1],
        channels=sizes.of("from_latents.weight", 2)[1],
        width=width,
        heads=_heads(width, heads, "vae_heads"),
        encoder_depth=sizes.blocks("encoder_blocks."),
        decoder_depth=sizes.blocks("decoder_blocks."),
        features=sizes.of("frame_proj.weight", 2)[1],
        tokens=sizes.table("frame_embed"),
        point_width=2 * sizes.of("x_encoder.lff.w", 2)[0],
    )


class _Sizes:
    def __init__(self, tensors: Mapping[str, Tensor], what: str) -> None:
        self.tensors, self.what = tensors, what

    def of(self, key: str, dimensions: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        if key not in self.tensors:
            near = did_you_mean(key, self.tensors).replace("did you mean", "was it renamed to")
            raise UserError(f"expected {key} in the file of a WHN {self.what}, got none{near}")
        shape = tuple(self.tensors[key].shape)
        if len(shape) != dimensions:
            raise UserError(f"expected {key} of {dimensions} dimensions, got shape {shape}")
        return shape

    def table(self, key: str) -> tuple[int, int]:
        """Rows and columns of a table of sin-cos positions: its values tell them apart."""
        _, count, width = self.of(key, 3)
        table = self.tensors[key][0].float()
        rounding = 1e-5 + torch.finfo(self.tensors[key].dtype).eps
        for rows in range(1, count + 1):
            if count % rows or width % 4:
                continue
            grid = rows, count // rows
            if torch.allclose(table, sincos_2d(*grid, width), rtol=0, atol=rounding):
                return grid
        raise UserError(
            f"expected {key} to be sin-cos positions of a grid, got other values of shape "
            f"{tuple(self.tensors[key].shape)}; use the authors' file as it is"
        )

    def blocks(self, start: str) -> int:
        """Number of blocks."""
        names = [key.removeprefix(start) for key in self.tensors if key.startswith(start)]
        indices = [name.partition(".")[0] for name in names]
        return 1 + max((int(index) for index in indices if index.isdigit()), default=-1)


def _heads(width: int, heads: int | None, option: str) -> int:
    if heads is not None:
        return heads
    if width % HEAD:
        raise UserError(
            f"expected a width of {HEAD} channels a head, got {width}; "
            f"give the number of heads with --set {option}=NUMBER"
        )
    return width // HEAD
