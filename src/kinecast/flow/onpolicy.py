"""On-policy fine-tuning: the network is corrected on the states its own sampler visits.

Source: TrajLoom, section 3.3.3 and appendix A.3.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.flow.loss import Weight, weighted_square
from kinecast.flow.sampler import Velocity

SMALLEST = 1e-3  # endpoint terms with a smaller time to their end say nothing and are left out


class OnPolicy(NamedTuple):
    """The two terms, each a mean over the batch; eq. 14 adds 0.1 (endpoint + 0.1 consistency)."""

    endpoint: Float[Tensor, ""]
    consistency: Float[Tensor, ""]

    @property
    def total(self) -> Float[Tensor, ""]:
        """endpoint + 0.1 consistency."""
        return self.endpoint + 0.1 * self.consistency


def rollout_loss(
    velocity: Velocity,
    noise: Float[Tensor, "b *latent"],
    data: Float[Tensor, "b *latent"],
    times: Float[Tensor, " times"],
    weight: Weight | None = None,
) -> OnPolicy:
    """Roll `velocity` out by Euler steps and ask each step to point at both known ends.

    The state carries no gradient, only the K velocities do; `velocity` may checkpoint itself.
    The paper clamps the denominators of its endpoint targets at 1e-3, which distorts the targets at
    both ends of a logit-spaced grid: those terms are left out here, and each of the two sums of
    eq. 12 is divided by the number it keeps.

    Args:
        velocity: callable (z, t) -> dz/dt.
        noise: state at times[0]; data: the truth at t = 1.
        times: K + 1 increasing times (`times.logit_spaced`).
        weight: of the endpoint terms, as in `flow_matching`; consistency counts every token.

    Raises:
        ValueError: fewer than 2 steps.
    """
    if len(times) < 3:
        raise ValueError(f"an on-policy rollout needs at least 2 steps, got {len(times) - 1}")
    z = noise.float()
    to_data, to_noise, consistency = [], [], []
    ends: tuple[Tensor, Tensor] | None = None
    for t, t_next in pairwise(times.tolist()):
        v = velocity(z, torch.full((len(z),), t, device=z.device)).float()
        if 1.0 - t >= SMALLEST:
            to_data.append(weighted_square(v - (data - z) / (1.0 - t), weight).mean())
        if t >= SMALLEST:
            to_noise.append(weighted_square(v - (z - noise) / t, weight).mean())
        here = (z + (1.0 - t) * v, z - t * v)  # where this step thinks the ends are
        if ends is not None:
            gaps = [weighted_square(a - b.detach()) for a, b in zip(here, ends, strict=True)]
            consistency.append((gaps[0] + gaps[1]).mean())
        ends = here
        z = z + (t_next - t) * v.detach()
    endpoint = _mean(to_data, z) + 0.5 * _mean(to_noise, z)
    return OnPolicy(endpoint, _mean(consistency, z))


def _mean(terms: list[Tensor], like: Tensor) -> Float[Tensor, ""]:
    return torch.stack(terms).mean() if terms else like.new_zeros(())
