"""What the VAE is trained on, and how much of a field its means explain.

Source: TrajLoom, section 3.2 (eq. 1-5) and appendix B.1 (eq. 18). Every term is normalised by the
visible entries of its own segment and then averaged over the batch, so that one and N processes
agree; a term without a valid entry is 0. Units: those of the offsets (normalised coordinates).
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from kinecast.systems.base import Posterior

HOPS = (1, 2, 4)  # cells


@dataclass(frozen=True)
class VAELossWeights:
    """Weights of eq. 3 and 5; `huber` is where the penalty turns linear (normalised units)."""

    temporal: float = 0.1
    spatial: float = 0.2
    kl: float = 5e-5
    huber: float = 1.0


class VAELoss(NamedTuple):
    """The terms, unweighted, and their weighted sum; means over the batch."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    temporal: Float[Tensor, ""]
    spatial: Float[Tensor, ""]
    kl: Float[Tensor, ""]


def vae_loss(
    predicted: Float[Tensor, "b t h w 2"],
    target: Float[Tensor, "b t h w 2"],
    visible: Bool[Tensor, "b t h w"],
    posterior: Posterior,
    weights: VAELossWeights | None = None,
) -> VAELoss:
    """L = L_rec + 0.1 L_temporal + 0.2 L_spatial + beta KL (eq. 3, 5)."""
    weights = weights or VAELossWeights()
    terms = (
        reconstruction(predicted, target, visible, weights.huber).mean(),
        temporal(predicted, target, visible).mean(),
        spatial(predicted, target, visible).mean(),
        kl(posterior).mean(),
    )
    scales = (1.0, weights.temporal, weights.spatial, weights.kl)
    total = torch.stack([s * term for s, term in zip(scales, terms, strict=True)]).sum()
    return VAELoss(total, *terms)


def reconstruction(
    predicted: Float[Tensor, "b t h w 2"],
    target: Float[Tensor, "b t h w 2"],
    visible: Bool[Tensor, "b t h w"],
    delta: float = 1.0,
) -> Float[Tensor, " b"]:
    """Masked Huber, summed over both coordinates, mean over visible points (eq. 4).

    The published class takes the mean over coordinates, half of this.
    """
    error = _hide(predicted - target, visible)
    penalty = F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=delta)
    return _mean(penalty, visible)


def temporal(
    predicted: Float[Tensor, "b t h w 2"],
    target: Float[Tensor, "b t h w 2"],
    visible: Bool[Tensor, "b t h w"],
) -> Float[Tensor, " b"]:
    """L1 error of frame-to-frame differences of points seen in both frames (eq. 1)."""
    both = visible[:, 1:] & visible[:, :-1]
    change = (predicted - target).diff(dim=1)
    return _mean(_hide(change, both).abs(), both)


def spatial(
    predicted: Float[Tensor, "b t h w 2"],
    target: Float[Tensor, "b t h w 2"],
    visible: Bool[Tensor, "b t h w"],
) -> Float[Tensor, " b"]:
    """L1 error of differences between neighbours 1, 2 and 4 cells apart, weighted 1/hop (eq. 2).

    Pairs to the right and below belong to one hop; a hop longer than the grid is left out, and so
    is its weight.
    """
    error = predicted - target
    longest = max(error.shape[2:4])
    total, weights = error.new_zeros(len(error)), 0.0
    for hop in (hop for hop in HOPS if hop < longest):
        pairs = [
            (error[:, :, hop:] - error[:, :, :-hop], visible[:, :, hop:] & visible[:, :, :-hop]),
            (
                error[:, :, :, hop:] - error[:, :, :, :-hop],
                visible[:, :, :, hop:] & visible[:, :, :, :-hop],
            ),
        ]
        gaps = torch.cat([_hide(gap, both).abs().sum(-1).flatten(1) for gap, both in pairs], dim=1)
        both = torch.cat([both.flatten(1) for _, both in pairs], dim=1)
        total = total + _mean(gaps[..., None], both) / hop
        weights += 1 / hop
    return total / weights if weights else total


def kl(posterior: Posterior) -> Float[Tensor, " b"]:
    """KL to N(0, I), mean over steps, tokens and channels."""
    variance = posterior.scale.float().square()
    divergence = 0.5 * (posterior.mean.float().square() + variance - 1.0 - variance.log())
    return divergence.flatten(1).mean(1)


def explained_variance(
    x: Float[Tensor, "t n 2"], visible: Bool[Tensor, "t n"]
) -> Float[Tensor, " 2"]:
    """Percent of a coordinate's variance that the points' own means hold (eq. 18).

    High for positions, low for offsets. Points that are never seen are left out; 0 where nothing
    varies.
    """
    known = visible.any(0)
    if not known.any():
        return x.new_zeros(2)
    seen = visible[:, known].double()[..., None]
    x = torch.where(seen > 0, x[:, known].double(), 0.0)
    count = seen.sum(0)
    mean = x.sum(0) / count
    within = ((x - mean).square() * seen).sum(0) / count
    between = mean.var(0, correction=0)
    whole = between + within.mean(0)
    return (100 * torch.where(whole > 0, between / whole, 0.0)).float()


def _hide(x: Float[Tensor, "*any 2"], visible: Bool[Tensor, "*any"]) -> Float[Tensor, "*any 2"]:
    """0 where not visible, whatever is there."""
    return torch.where(visible[..., None], x.float(), 0.0)


def _mean(x: Float[Tensor, "b *any c"], visible: Bool[Tensor, "b *any"]) -> Float[Tensor, " b"]:
    """Sum over coordinates, mean over the visible entries of each segment, 0 where there are none.

    `x` is 0 where not visible.
    """
    return x.flatten(1).sum(1) / visible.flatten(1).sum(1).clamp(min=1)
