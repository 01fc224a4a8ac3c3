"""Cells to tokens and back: a token is a square patch of cells."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def token_grid(h: int, w: int, patch: int) -> tuple[int, int]:
    """Rows and columns of tokens that cover h x w cells."""
    return -(-h // patch), -(-w // patch)


def to_tokens(x: Float[Tensor, "b t h w c"], patch: int) -> Float[Tensor, "b n p t c"]:
    """Cells (h, w) -> tokens n (row-major) of p = patch^2 cells; edge cells repeat to fill."""
    t, h, w = x.shape[1:4]
    rows, columns = token_grid(h, w, patch)
    x = rearrange(x, "b t h w c -> b (t c) h w")
    x = F.pad(x, (0, columns * patch - w, 0, rows * patch - h), mode="replicate")
    return rearrange(x, "b (t c) (i p) (j q) -> b (i j) (p q) t c", p=patch, q=patch, t=t)


def to_cells(
    x: Float[Tensor, "b n p t c"], h: int, w: int, patch: int
) -> Float[Tensor, "b t h w c"]:
    """The inverse of `to_tokens`; the cells that filled up the edge are dropped."""
    rows, _ = token_grid(h, w, patch)
    x = rearrange(x, "b (i j) (p q) t c -> b t (i p) (j q) c", i=rows, p=patch)
    return x[:, :, :h, :w]
