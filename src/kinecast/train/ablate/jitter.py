"""Why a pointwise loss is not enough: a smooth and a jittery reconstruction that it cannot tell.

Source: TrajLoom, appendix B.2 and figure 7. The truth is x(t) = t. One reconstruction is off by b
everywhere, the other by b and -b in turn: |error| = b in every frame of both, while their motion a
frame is 1, and 1 + 2 b (-1)^t.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.systems.trajloom import losses


@dataclass(frozen=True)
class Terms:
    """A reconstruction's terms of the VAE's loss."""

    reconstruction: float
    temporal: float


@dataclass(frozen=True)
class Toy:
    """The two reconstructions of one point, seen in every frame.

    Attributes:
        smooth: off by b; its temporal term is 0.
        jittery: off by b and -b in turn; its temporal term is 2 b.
    """

    smooth: Terms
    jittery: Terms


def toy(bias: float, frames: int = 24) -> Toy:
    """Both reconstructions' losses.

    Raises:
        UserError: fewer than two frames, which have no motion.
    """
    if frames < 2:
        raise UserError(f"expected at least 2 frames, got {frames}")
    truth = torch.arange(frames, dtype=torch.float32)
    alternating = torch.where(torch.arange(frames) % 2 == 0, bias, -bias)
    return Toy(_terms(truth + bias, truth), _terms(truth + alternating, truth))


def _terms(predicted: Float[Tensor, " t"], truth: Float[Tensor, " t"]) -> Terms:
    """Of a point that moves along x."""
    a, b = (
        torch.stack([x, torch.zeros_like(x)], dim=-1)[None, :, None, None]
        for x in (predicted, truth)
    )
    visible = torch.ones(a.shape[:-1], dtype=torch.bool)
    return Terms(losses.reconstruction(a, b, visible).item(), losses.temporal(a, b, visible).item())
