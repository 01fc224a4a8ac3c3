"""The scale of latents: the planner's are those of the VAE, shifted and of variance 1/2.

Source: ZipMo's released code. The order of the roundings is part of its numbers: in half precision
a latent keeps the digits that it has there.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

SHIFT = -0.175  # mean of the VAE's latents
SCALE = 11.6  # and their variance


def normalise(
    z: Float[Tensor, "*latent"], shift: float = SHIFT, scale: float = SCALE
) -> Float[Tensor, "*latent"]:
    """The VAE's latents -> the planner's; in float64, then z's precision."""
    return ((_wide(z) - shift) * math.sqrt(0.5) / math.sqrt(scale)).to(z)


def denormalise(
    z: Float[Tensor, "*latent"], shift: float = SHIFT, scale: float = SCALE
) -> Float[Tensor, "*latent"]:
    """The planner's latents -> the VAE's; scaled in z's precision, shifted in float64."""
    factor = torch.tensor(math.sqrt(scale / 0.5), dtype=z.dtype, device=z.device)
    return (_wide(z * factor) + shift).to(z)


def _wide(z: Float[Tensor, "*latent"]) -> Float[Tensor, "*latent"]:
    return z.to("cpu", torch.float64)  # not every accelerator has float64
