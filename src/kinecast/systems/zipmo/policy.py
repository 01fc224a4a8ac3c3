"""The policy head: actions of a robot from planned latents, and the averaging of a roll-out.

Source: ZipMo, section 4 (robotics) and the released code.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from kinecast.core.ranges import Count
from kinecast.systems.zipmo.blocks import (
    CosineCrossAttention,
    CosineSelfAttention,
    Stack,
    layer,
    token,
)
from kinecast.systems.zipmo.rope import plane_rope
from kinecast.systems.zipmo.vae import check_heads

MODALITIES = 6  # rows of the table of modalities; 0, 1 and 4 are not used
FIRST_VIEW, PROPRIOCEPTION = 2, 5
DISCOUNT = 0.99  # of a step ahead in the loss, of a step of age in the average


@dataclass(frozen=True)
class PolicyConfig:
    """Sizes; the defaults are the published ones.

    Attributes:
        width, heads, depth: D, heads that share it, layers.
        horizon: T actions that one prediction holds.
        actions: numbers of an action.
        proprioception: numbers of the robot's state: 7 joints, 2 fingers.
        channels: C of a latent.
        views: V.

    Raises:
        UserError: a width that the heads do not divide, or heads too narrow for the rotations.
    """

    width: Count = 768
    heads: Count = 12
    depth: Count = 6
    horizon: Count = 16
    actions: Count = 7
    proprioception: Count = 9
    channels: Count = 16
    views: Count = 2

    def __post_init__(self) -> None:
        check_heads(self.width, self.heads)


class PolicyHead(nn.Module):
    """Actions of the next T steps."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.config, D, heads = config, config.width, config.heads
        self.query = token(1, config.horizon, D)
        self.modality = token(MODALITIES, D)
        self.track = nn.Linear(config.channels, D)
        self.proprioception = nn.Linear(config.proprioception, D)
        self.embed = nn.Linear(D, D, bias=False)
        self.layers = Stack(
            layer(
                D,
                CosineSelfAttention(D, heads, plane_rope(heads, D // heads)),
                CosineCrossAttention(D, D, heads, plane_rope(heads, D // heads)),
            )
            for _ in range(config.depth)
        )
        self.out = nn.Linear(D, config.actions, bias=False)

    def context(
        self, z: Float[Tensor, "b n c"], proprioception: Float[Tensor, "b r"]
    ) -> Float[Tensor, "b s d"]:
        """Tokens that the actions attend to: the planner's latents of every view, then the robot.

        Args:
            z: latents as the planner samples them, not the VAE's.
            proprioception: raw joint and finger positions.
        """
        views = self.config.views
        rows = self.modality[FIRST_VIEW : FIRST_VIEW + views]
        tracks = self.track(z) + rows.repeat_interleave(z.shape[1] // views, dim=0)
        robot = self.proprioception(proprioception) + self.modality[PROPRIOCEPTION]
        return torch.cat([tracks, robot[:, None]], dim=1)

    def positions(self, position: Float[Tensor, "m 2"]) -> Float[Tensor, "s 2"]:
        """Where those tokens are, (y, x); the robot is at the centre."""
        return torch.cat([position.repeat(self.config.views, 1), position.new_zeros(1, 2)])

    def forward(
        self,
        z: Float[Tensor, "b n c"],
        proprioception: Float[Tensor, "b r"],
        position: Float[Tensor, "m 2"],
    ) -> Float[Tensor, "b t a"]:
        """Actions of the next T steps, raw; `position` (y, x) is that of a view's latents."""
        context = self.context(z, proprioception)
        contexts = self.layers.contexts(context, self.positions(position)[None])
        x = self.embed(self.query).expand(len(z), -1, -1)
        rotations = self.layers.rotations(x.new_zeros(1, self.config.horizon, 2))
        out: Tensor = self.out(self.layers(x, rotations, contexts))
        return out


def policy_loss(
    predicted: Float[Tensor, "b t a"], actions: Float[Tensor, "b t a"], discount: float = DISCOUNT
) -> Float[Tensor, ""]:
    """Mean of discount^k times the squared error of the action k steps ahead."""
    weight = discount ** torch.arange(actions.shape[1], device=actions.device)
    return (weight[:, None] * (predicted - actions).square()).mean()


class TemporalAverage:
    """What a roll-out does with one prediction of T actions a step: one action.

    It averages over the last T predictions, the newest weighing most. Published quirk, kept because
    the published success rates were measured with it: of the i-th of them, oldest first, it takes
    action (-i) mod T, not the one that was meant for the present step.

    Args:
        discount: weight of a prediction relative to the next newer one.
    """

    def __init__(self, discount: float = DISCOUNT) -> None:
        self.discount = discount
        self.predictions: list[Tensor] = []
        self.steps = 0  # since the episode began: what a planner with start time is told

    def act(self, prediction: Float[Tensor, "b t a"]) -> Float[Tensor, "b a"]:
        """The action of this step; summed in float64."""
        T = prediction.shape[1]
        self.predictions = [*self.predictions, prediction][-T:]
        self.steps += 1
        taken = [p[:, -i % T] for i, p in enumerate(self.predictions)]
        age = torch.arange(len(taken) - 1, -1, -1, device=prediction.device)
        weight = self.discount ** age.double()
        mean = torch.einsum("h,hba->ba", weight / weight.sum(), torch.stack(taken).double())
        return mean.to(prediction.dtype)
