"""The straight path from noise to data, in a tube."""

from jaxtyping import Float
from torch import Tensor


def path(
    noise: Float[Tensor, "b *latent"],
    data: Float[Tensor, "b *latent"],
    t: Float[Tensor, " b"],
    tube: Float[Tensor, "b *latent"] | None = None,
) -> tuple[Float[Tensor, "b *latent"], Float[Tensor, "b *latent"]]:
    """State z_t = (1 - t) noise + t data + tube, and velocity data - noise, the tube left out.

    Source: TrajLoom, eq. 8; its tube is sigma * eps, fresh noise around the path, sigma = 0.05.
    """
    time = t.view(-1, *[1] * (noise.ndim - 1))
    z_t = (1.0 - time) * noise + time * data
    return z_t if tube is None else z_t + tube, data - noise
