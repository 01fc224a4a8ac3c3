"""Losses and the reconstruction score of the VAE. Source: ZipMo, section 3.1 and appendix B."""

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords
from kinecast.systems.zipmo.vae import Gaussian

KL_WEIGHT = 1e-7
THRESHOLDS = (1.0, 2.0, 4.0, 8.0, 16.0)  # pixels of a 256 x 256 frame
SPAN = (255, 255)  # published pixels count from the first pixel's centre to the last one's


def kl_per_token(latent: Gaussian) -> Float[Tensor, "b n"]:
    """Divergence from the standard normal, summed over channels, in nats."""
    mean, logvar = latent
    return -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(-1)


def recon_l1(
    predicted: Float[Tensor, "b n t 2"], tracks: Float[Tensor, "b n t 2"]
) -> Float[Tensor, ""]:
    """Mean absolute difference of normalised coordinates."""
    return (predicted - tracks).abs().mean()


def vae_loss(
    predicted: Float[Tensor, "b n t 2"], tracks: Float[Tensor, "b n t 2"], latent: Gaussian
) -> Float[Tensor, ""]:
    """Reconstruction, of encoded and of further tracks alike, and 1e-7 of the divergence."""
    return recon_l1(predicted, tracks) + KL_WEIGHT * kl_per_token(latent).mean()


def pck(
    predicted: Float[Tensor, "b n t 2"], tracks: Float[Tensor, "b n t 2"]
) -> Float[Tensor, " thresholds"]:
    """Share of positions within each of THRESHOLDS, in float64."""
    ours, theirs = (coords.denormalise(x, SPAN) for x in (predicted, tracks))
    distance = torch.linalg.vector_norm(ours - theirs, dim=-1)
    return torch.stack([(distance <= pixels).double().mean() for pixels in THRESHOLDS])
