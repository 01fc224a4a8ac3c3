"""The boundary anchor: a flow that starts where the history ends."""

import torch
from jaxtyping import Float
from torch import Tensor

SPREAD = 0.1


def anchored(
    noise: Float[Tensor, "b t n c"], last: Float[Tensor, "#b n c"], spread: float = SPREAD
) -> Float[Tensor, "b t n c"]:
    """Noise whose first latent step lies near the last one of the history.

    Source: TrajLoom, eq. 7 and 19 (there the anchor is on every step; on the first in its
    published configuration, "anchor_first").

    Args:
        noise: standard normal.
        last: last history latent of each token, normalised.
        spread: standard deviation around it.
    """
    return torch.cat([last[:, None] + spread * noise[:, :1], noise[:, 1:]], dim=1)
