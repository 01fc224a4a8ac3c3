"""Flow matching, weighted by what can be seen."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Weight = Float[Tensor, "..."]


def visibility_weight(
    visible: Bool[Tensor, "*tokens"], invisible: float = 0.01
) -> Float[Tensor, "*tokens 1"]:
    """1 for tokens that are seen, `invisible` for the rest (TrajLoom, A.2); broadcasts over C."""
    one = torch.ones((), device=visible.device)
    return torch.where(visible, one, invisible * one)[..., None]


def weighted_square(
    error: Float[Tensor, "b *latent"], weight: Weight | None = None
) -> Float[Tensor, " b"]:
    """Weighted mean of the squares of each sample, in float32; 0 where all weights are 0.

    Args:
        error: any shape, one sample an entry of the first axis.
        weight: not negative, broadcastable to `error`; each sample is normalised by its own sum, so
            that a sample counts the same in whatever batch or process it is.
    """
    square = error.float().square().flatten(1)
    if weight is None:
        return square.mean(1)
    weight = weight.expand_as(error).float().flatten(1)
    total = weight.sum(1)
    return (weight * square).sum(1) / torch.where(total > 0, total, torch.ones_like(total))


def flow_matching(
    predicted: Float[Tensor, "b *latent"],
    target: Float[Tensor, "b *latent"],
    weight: Weight | None = None,
) -> Float[Tensor, ""]:
    """Mean over samples of the weighted mean square of predicted - target velocity.

    Source: TrajLoom, eq. 9.
    """
    return weighted_square(predicted - target, weight).mean()
