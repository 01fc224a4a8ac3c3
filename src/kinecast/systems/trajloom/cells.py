"""Grid-anchor offsets: a point's position minus the anchor of the cell it was laid in.

Source: TrajLoom, section 3.1. A field is constant in a cell, so the networks work on cells; the
anchor of a cell is its centre.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def anchors(h: int, w: int) -> Float[Tensor, "h w 2"]:
    """Centres of h x w cells that tile the frame, normalised, xy."""
    y = (torch.arange(h, dtype=torch.float32) + 0.5) / h * 2 - 1
    x = (torch.arange(w, dtype=torch.float32) + 0.5) / w * 2 - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def to_offsets(xy: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
    """Normalised positions -> offsets from the anchors."""
    return xy - anchors(*xy.shape[2:4]).to(xy)


def from_offsets(offsets: Float[Tensor, "b t h w 2"]) -> Float[Tensor, "b t h w 2"]:
    """The inverse of `to_offsets`."""
    return offsets + anchors(*offsets.shape[2:4]).to(offsets)
