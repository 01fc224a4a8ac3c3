"""Classifier-free guidance: away from what would happen anyway, towards the condition.

Source: Ho and Salimans, arXiv 2207.12598; over velocities as in ZipMo.
"""

from jaxtyping import Float
from torch import Tensor

from kinecast.flow.sampler import Velocity


def guided(conditional: Velocity, unconditional: Velocity, scale: float) -> Velocity:
    """The velocity u + scale (c - u); at scale 1 it is the conditional one, evaluated alone.

    Args:
        conditional, unconditional: c and u, of the same latents and times.
        scale: >= 1; above it, samples follow the condition more closely and vary less.

    Raises:
        ValueError: scale < 1.
    """
    if not scale >= 1.0:
        raise ValueError(f"expected a guidance scale of at least 1, got {scale}")
    if scale == 1.0:
        return conditional

    def velocity(
        z: Float[Tensor, "b *latent"], t: Float[Tensor, " b"]
    ) -> Float[Tensor, "b *latent"]:
        free = unconditional(z, t)
        return free + scale * (conditional(z, t) - free)

    return velocity
