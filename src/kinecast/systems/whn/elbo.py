"""What WHN's VAE is trained on.

Source: WHN, section 3.1 and appendix: Huber reconstruction, and the divergence from a normal prior.
"""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from kinecast.systems.base import Posterior

BETA = 1e-6


class Elbo(NamedTuple):
    """The bound of each sample, and its two terms entry by entry; training maximises the bound."""

    bound: Float[Tensor, " b"]
    likelihood: Float[Tensor, "b t h w 2"]
    divergence: Float[Tensor, "b t i j c"]


def elbo(
    decoded: Float[Tensor, "b t h w 2"],
    xy: Float[Tensor, "b t h w 2"],
    posterior: Posterior,
    beta: float = BETA,
) -> Elbo:
    """mean(-Huber(decoded, xy)) - beta mean(KL(posterior || N(0, 1))), means over all entries.

    Args:
        decoded: of a sample of the posterior; normalised, as the truth xy.
        posterior: unscaled, from `VAE.encode`.
        beta: weight of the divergence.
    """
    likelihood = -F.huber_loss(decoded.float(), xy.float(), reduction="none")
    mean, std = posterior.mean, posterior.scale
    divergence = 0.5 * (std.square() + mean.square() - 1.0) - std.log()
    bound = likelihood.flatten(1).mean(1) - beta * divergence.flatten(1).mean(1)
    return Elbo(bound, likelihood, divergence)
