"""ZipMo's VAE with what its paper tried and left: other losses, other targets, a bag of latents."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.systems.zipmo.losses import KL_WEIGHT, kl_per_token
from kinecast.systems.zipmo.vae import VAE, Gaussian
from kinecast.train.image_item import ImageItem
from kinecast.train.recipe import Recipe
from kinecast.train.stage import Stage
from kinecast.train.stages_zipmo import ZipMoPlan
from kinecast.train.zipmo_clips import Yx
from kinecast.train.zipmo_vae import VAEStage

HUBER = 0.05  # normalised: larger errors count linearly
SPREAD = 0.02  # of the first values of a bag's tokens


@dataclass(frozen=True)
class Variant:
    """How a VAE differs from the published one.

    Attributes:
        loss: of the reconstruction.
        target: what the decoder says: positions, "offset" from where the point starts, or "delta"
            from the frame before.
        bag: latents have no places; each has a learned token of its own instead.
    """

    loss: Literal["l1", "l2", "huber"] = "l1"
    target: Literal["absolute", "offset", "delta"] = "absolute"
    bag: bool = False


class VariantStage(VAEStage):
    """The stage `vae` of a variant."""

    variant = Variant()

    def reconstructed(self, item: ImageItem, draw: torch.Generator) -> tuple[Yx, Yx]:
        """Tracks by the posterior's mean, and the true ones; the first half are encoded."""
        tracks, image = self._some(item, draw), self._image(item)
        latent = self._system.vae.encode(tracks[:, : self._model.tracks], image)
        return self._decode(latent.mean, tracks, image).float(), tracks

    def _objective(self, decoded: Yx, tracks: Yx, latent: Gaussian) -> Float[Tensor, ""]:
        losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
            "l1": F.l1_loss,
            "l2": F.mse_loss,
            "huber": partial(F.huber_loss, delta=HUBER),
        }
        divergence: Tensor = KL_WEIGHT * kl_per_token(latent).mean()
        return losses[self.variant.loss](decoded, tracks) + divergence

    def _decode(self, z: Tensor, tracks: Yx, image: Tensor) -> Yx:
        said = super()._decode(z, tracks, image)
        if self.variant.target == "absolute":
            return said
        moved = said if self.variant.target == "offset" else said.cumsum(2)
        return tracks[:, :, :1] + moved


class VariantPlan(ZipMoPlan):
    """A recipe of ZipMo whose VAE is a variant."""

    def __init__(
        self, recipe: Recipe, pool: Any, device: torch.device, variant: Variant | None = None
    ) -> None:
        super().__init__(recipe, pool, device)
        self.variant = variant or Variant()
        if self.variant.bag:
            _bag(self.system.vae)

    def stage(self, name: str) -> Stage[Any]:
        """Build a stage; only its own network is trained."""
        if name != "vae":
            return super().stage(name)
        self.system.requires_grad_(False)
        optim = self.recipe.stages[name]
        stage = VariantStage(self.system, self.pool, optim, self.model, self.device)
        stage.variant = self.variant
        return stage


def _bag(vae: VAE) -> None:
    """Take the latents' places away; a token each tells them apart."""
    vae.position.zero_()
    width = vae.latent.shape[-1]
    tokens = nn.init.normal_(torch.empty(1, vae.config.tokens, width), std=SPREAD)
    vae.latent = nn.Parameter(tokens.to(vae.position.device))
