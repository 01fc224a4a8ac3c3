"""What both regressors share: the contract of a system that has one answer.

It is written as a flow of constant velocity from zero to the answer, so that every sampler arrives
there in any number of steps, whatever the noise: all samples are equal.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.systems.base import Cond


class Regressor(nn.Module):
    """The parts of `systems.base.System` that are the same for both; cond["answer"] is theirs."""

    def latent_shape(self, cond: Cond) -> tuple[int, ...]:
        """That of the answer."""
        return tuple(cond["answer"].shape[1:])

    def source(self, noise: Float[Tensor, "b *latent"], cond: Cond) -> Float[Tensor, "b *latent"]:
        """Zero."""
        return torch.zeros_like(noise)

    def velocity(
        self, z_t: Float[Tensor, "b *latent"], t: Float[Tensor, " b"], cond: Cond
    ) -> Float[Tensor, "b *latent"]:
        """The answer, wherever and whenever."""
        answer: Tensor = cond["answer"]
        return answer.expand_as(z_t)

    def pin(self, cond: Cond) -> Any:
        """Nothing is held."""
        return None
