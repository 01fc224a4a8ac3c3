"""Where tokens are: (t, y, x), each in [-1, 1]. Source: ZipMo, appendix B (3-d RoPE)."""

import torch
from jaxtyping import Float
from torch import Tensor

GridShape = tuple[int, int, int]


def centres(n: int, extent: float = 1.0) -> Float[Tensor, " n"]:
    """Midpoints of n equal parts of [-extent, extent]."""
    edges = torch.linspace(-extent, extent, n + 1)
    return (edges[:-1] + edges[1:]) / 2


def plane(h: int, w: int) -> Float[Tensor, "n 2"]:
    """(y, x) of h x w cells, row-major; the longer side spans [-1, 1], cells are square."""
    longer = max(h, w)
    y, x = centres(h, h / longer), centres(w, w / longer)
    return torch.cartesian_prod(y, x)


def at_time(t: float, yx: Float[Tensor, "*rows 2"]) -> Float[Tensor, "*rows 3"]:
    """(t, y, x) of points of one time."""
    return torch.cat([torch.full_like(yx[..., :1], t), yx], dim=-1)


def volume(grid: GridShape) -> Float[Tensor, "n 3"]:
    """(t, y, x) of the latent grid's cells, time first; a single time is 0."""
    steps, h, w = grid
    t = centres(steps).repeat_interleave(h * w)[:, None]
    return torch.cat([t, plane(h, w).repeat(steps, 1)], dim=-1)


def over_time(yx: Float[Tensor, "b n 2"], frames: int) -> Float[Tensor, "b nt 3"]:
    """(t, y, x) of points that stay where they are in `frames` frames, point after point."""
    t = centres(frames).to(yx)[:, None].expand(*yx.shape[:2], -1, -1)
    return torch.cat([t, yx[:, :, None].expand(-1, -1, frames, -1)], dim=-1).flatten(1, 2)
