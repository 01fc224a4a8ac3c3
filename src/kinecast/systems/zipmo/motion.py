"""What every ZipMo is built on: the VAE, and the DINOv2 that its frames are seen by.

Published weights take (y, x) in [-1, 1]; the contract's normalised xy is the same, flipped.
"""

import math
from dataclasses import asdict
from typing import Any, NamedTuple

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.errors import UserError
from kinecast.nn.attention import KeyValue
from kinecast.nn.vit import ViT
from kinecast.systems.base import Features, FieldBatch, ImageBatch, Posterior
from kinecast.systems.zipmo.config import MotionConfig
from kinecast.systems.zipmo.dense import decode_field, plan
from kinecast.systems.zipmo.image import patch_tokens
from kinecast.systems.zipmo.latents import denormalise, normalise
from kinecast.systems.zipmo.vae import VAE

ENCODER = "dinov2-with-registers-base"  # where the weights hold none
PATCH = 14  # of that one


class ImageTokens(NamedTuple):
    """Patch tokens of every view: for the planner, and for the VAE (the same, or its own)."""

    planner: Float[Tensor, "b v m i"]
    vae: Float[Tensor, "b v m i"]


class Motion(nn.Module):
    """Tracks <-> the planner's latents of a frame.

    Raises:
        UserError: image tokens of another width or shape than the VAE's.
    """

    def __init__(self, config: MotionConfig) -> None:
        super().__init__()
        vae, image = config.vae, config.image
        rows, columns = vae.image_grid
        if image is not None and (image.width != vae.image_width or rows != columns):
            raise UserError(
                f"expected a DINOv2 of {vae.image_width} channels and a square of patches, got "
                f"{image.width} channels and {rows}x{columns} patches"
            )
        self.config = config
        self.frames, self.shift, self.scale = config.frames, config.shift, config.scale
        self.vae = VAE(vae)
        self.image = None if image is None else ViT(image).requires_grad_(False)
        own = image is not None and config.two_images
        self.vae_image = ViT(image).requires_grad_(False) if image is not None and own else None

    def to_config(self) -> dict[str, Any]:
        """The `model` section that `from_config` builds this network from."""
        return asdict(self.config)

    def outside(self) -> Features | None:
        """The image tokens that must be given, where no DINOv2 is inside."""
        if self.image is not None:
            return None
        rows, columns = self.vae.config.image_grid
        return Features(ENCODER, self.vae.config.image_width, (PATCH * columns, PATCH * rows))

    def see(self, given: ImageBatch) -> ImageTokens:
        """Tokens of every view; each DINOv2 runs once.

        Raises:
            UserError: no tokens where they must be given.
        """
        if self.image is None:
            if given.features is None:
                raise UserError("expected image features for weights without DINOv2, got none")
            return ImageTokens(given.features, given.features)
        views, pixels = given.pixels.shape[:2], given.pixels.flatten(0, 1)
        cells = self.vae.config.image_grid[0]
        tokens = patch_tokens(self.image, pixels, cells).unflatten(0, views)
        if self.vae_image is None:
            return ImageTokens(tokens, tokens)
        return ImageTokens(tokens, patch_tokens(self.vae_image, pixels, cells).unflatten(0, views))

    def latents(self, tracks: FieldBatch, image: Float[Tensor, "b m i"]) -> Posterior:
        """The planner's latents of windows, seen or not; scattered points come as one row."""
        points = rearrange(tracks.xy.flip(-1), "b t h w k -> b (h w) t k")
        latent = self.vae.encode(points, image)
        scale = (0.5 * latent.logvar.float()).exp() * math.sqrt(0.5 / self.scale)
        return Posterior(normalise(latent.mean.float(), self.shift, self.scale), scale)

    def tracks(
        self,
        z: Float[Tensor, "b n c"],
        contexts: list[KeyValue],
        queries: Float[Tensor, "h w 2"],
    ) -> Float[Tensor, "b t h w 2"]:
        """Tracks of the points at `queries`, in strided sets; z as from `latents`.

        Args:
            z: of one view.
            contexts: the VAE's, of that view.
            queries: normalised starts.
        """
        stride, fill = plan(*queries.shape[:2])
        latents = denormalise(z.float(), self.shift, self.scale)
        starts = queries.flip(-1)
        field = decode_field(self.vae, latents, starts, self.frames, contexts, stride, fill)
        return rearrange(field.flip(-1), "b h w t k -> b t h w k")
