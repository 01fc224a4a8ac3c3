"""The loss that LRTL is named after: tracks of one segment should have low rank.

Source: Karazija et al., Learning segmentation from point trajectories (NeurIPS 2024), section 3.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from kinecast.core.errors import UserError

DEGREES = 5  # of freedom: singular values that are free
MARGIN = 1e-6


def low_rank_loss(
    tracks: Float[Tensor, "b t n 2"],
    queries: Float[Tensor, "b 1 n 2"],
    masks: Float[Tensor, "b m H W"],
    degrees: int = DEGREES,
) -> Float[Tensor, ""]:
    """Sum of the singular values beyond the first, of each mask's share of the tracks.

    The (2 T, N) matrix of a clip has each column multiplied by the point's mask value; mean over
    masks and batch. In float64.

    Args:
        tracks: pixels.
        queries: where each point looks its mask value up, xy in [-1, 1] (edge-aligned, bilinear).
        masks: soft masks, 0 to 1 (a softmax over m).
        degrees: of freedom.

    Raises:
        UserError: no clip or no mask, other points or clips, or a number that is not finite.
    """
    clips, points = (len(tracks), len(queries), len(masks)), (tracks.shape[2], queries.shape[2])
    if len(set(clips)) > 1 or len(set(points)) > 1 or not masks.numel() or not tracks.numel():
        raise UserError(
            f"expected tracks, queries and masks of the same clips and points, got "
            f"{tuple(tracks.shape)}, {tuple(queries.shape)} and {tuple(masks.shape)}"
        )
    if not all(x.isfinite().all() for x in (tracks, queries, masks)):
        raise UserError(
            "expected finite tracks, queries and masks, got some that are not; leave such points "
            "out"
        )
    value = F.grid_sample(masks.double(), queries.double(), align_corners=False)[:, :, 0]
    value = value.clamp(MARGIN, 1 - MARGIN)
    matrix = tracks.double().movedim(-1, 1).flatten(1, 2)  # all x rows, then all y rows
    values = torch.linalg.svdvals(matrix[:, None] * value[:, :, None])
    return values[..., degrees:].sum(-1).mean()
