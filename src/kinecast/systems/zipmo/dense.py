"""Many points from one latent: in strided sets, each decoded on its own.

The decoder looks at all points of a set together. A set that is spread over the whole frame looks
like those that it was trained on; one of neighbours would not. Source: ZipMo, appendix C and the
released code, which decodes 64 x 64 points as 64 sets of 8 x 8 and fills scattered points up to the
80 tracks of its training.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from kinecast.nn.attention import KeyValue
from kinecast.systems.zipmo.vae import VAE

GRID_SET = 64  # points of a grid's set
TRAINED = 80  # tracks that the decoder was trained with
TOKENS = 8192  # decoded at once: more gain no speed, and a set of the published size has 5376
PLASTIC = 1.32471795724474602596  # its powers spread points evenly (Roberts, 2018)


def decode_field(
    vae: VAE,
    z: Float[Tensor, "b n c"],
    queries: Float[Tensor, "h w 2"],
    frames: int,
    contexts: list[KeyValue],
    stride: tuple[int, int],
    fill: int = 0,
) -> Float[Tensor, "b h w t 2"]:
    """Tracks of the points at `queries`, set by set; arguments as of `VAE.decode`.

    Args:
        vae: the decoder.
        z: latents as the encoder makes them.
        queries: starts (y, x).
        frames: T.
        contexts: of an image for each row, or of one that all share.
        stride: (rows, columns) between points of a set.
        fill: points that a smaller set is filled up to; what they do is dropped.
    """
    h, w = queries.shape[:2]
    starts, others = queries.flatten(0, 1), spread(fill).to(queries)
    field = z.new_empty(len(z), h * w, frames, 2, dtype=torch.float32)
    for points in strided_sets(h, w, stride):
        company = others[: max(0, fill - len(points))]
        joint = torch.cat([starts[points], company])[None]
        rows = max(1, TOKENS // (z.shape[1] + joint.shape[1] * frames))
        for i in range(0, len(z), rows):
            some = slice(i, i + rows)
            tracks = vae.decode(z[some], joint, frames, _of(contexts, some))
            field[some, points] = tracks[:, : len(points)]
    return field.unflatten(1, (h, w))


def strided_sets(h: int, w: int, stride: tuple[int, int]) -> Iterator[Int64[Tensor, " m"]]:
    """Row-major indices of points (i + k rows, j + l columns), for every offset i, j."""
    index = torch.arange(h * w).view(h, w)
    rows, columns = stride
    for i in range(min(rows, h)):
        for j in range(min(columns, w)):
            yield index[i::rows, j::columns].flatten()


def plan(h: int, w: int) -> tuple[tuple[int, int], int]:
    """Stride, and what to fill sets up to, for any grid or for a row of scattered points.

    The fewest sets of at most 64 points (80 of a single row), of strides as equal as can be. Only
    where all have 64, as on the published 64 x 64 grid, they stay as they are.
    """
    most = TRAINED if 1 in (h, w) else GRID_SET
    strides = [
        (a, _divide_up(w, most // _divide_up(h, a)))
        for a in range(1, h + 1)
        if _divide_up(h, a) <= most
    ]
    a, b = min(strides, key=lambda s: (s[0] * s[1], abs(s[0] - s[1])))
    whole = h % a == 0 and w % b == 0 and (h // a) * (w // b) == GRID_SET
    return (a, b), 0 if whole else TRAINED


def spread(n: int) -> Float[Tensor, "n 2"]:
    """n points spread evenly over the frame, always the same."""
    step = PLASTIC ** -torch.arange(1, 3, dtype=torch.float64)
    share = (0.5 + torch.arange(1, n + 1, dtype=torch.float64)[:, None] * step) % 1.0
    return (2 * share - 1).float()


def _of(contexts: list[KeyValue], rows: slice) -> list[KeyValue]:
    """The contexts of some rows; one that all rows share is all of theirs."""
    if len(contexts[0].key) == 1:
        return contexts
    return [KeyValue(c.key[rows], c.value[rows]) for c in contexts]


def _divide_up(a: int, b: int) -> int:
    return -(-a // b)
