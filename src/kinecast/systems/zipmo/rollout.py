"""A policy in an episode: one step is an observation in, an action out.

Source: ZipMo, section 4 (robotics) and the released code.
"""

from dataclasses import replace
from functools import partial

from jaxtyping import Float
from torch import Tensor

from kinecast.flow.sampler import euler, uniform_times
from kinecast.systems.base import ImageBatch
from kinecast.systems.zipmo.libero_system import ZipMoLibero
from kinecast.systems.zipmo.policy import DISCOUNT, TemporalAverage


class Rollout:
    """Plan, act, and average over what was planned before; a new one for each episode.

    Args:
        model: with a policy.
        steps: of the Euler sampler; None: as published.
        discount: of the temporal average.
    """

    def __init__(
        self, model: ZipMoLibero, steps: int | None = None, discount: float = DISCOUNT
    ) -> None:
        self.model = model
        self.times = uniform_times(model.needs.steps if steps is None else steps)
        self.average = TemporalAverage(discount)

    def act(
        self,
        seen: ImageBatch,
        proprioception: Float[Tensor, "b r"],
        noise: Float[Tensor, "b n c"],
    ) -> Float[Tensor, "b a"]:
        """The action of the next step of b episodes that began together.

        Args:
            seen: views and instruction; the time step is counted here.
            proprioception: raw joint and finger positions.
            noise: standard normal, of the latents' shape.

        Raises:
            UserError: weights without a policy.
        """
        step = self.average.steps if self.model.needs.episode_step else None
        cond = self.model.condition(replace(seen, episode_step=step))
        z = euler(partial(self.model.velocity, cond=cond), noise, self.times)
        return self.average.act(self.model.actions(z, proprioception))
