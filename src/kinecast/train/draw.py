"""The random numbers of a step, the same on one process or many.

A step's batch is split into shares: one a process and pass of gradient accumulation. Share i of n
has the clips i, i + n, i + 2n, ... of the batch. What is drawn for each clip is drawn for the whole
batch by every share, which keeps its own rows; what all clips have in common is drawn from the
generator as it is. So every share's generator goes through the same states.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kinecast.core import rng
from kinecast.train.stage import Item


class Draw(torch.Generator):
    """A generator that knows its share; a plain generator is the whole batch.

    Attributes:
        index, count: which share of how many.
        batch: the whole batch, where there are several shares.
    """

    index: int
    count: int
    batch: Item | None

    @classmethod
    def of(
        cls, keys: tuple[int, ...], index: int = 0, count: int = 1, batch: Item | None = None
    ) -> "Draw":
        """The generator of some keys, for one share."""
        draw = cls()
        draw.set_state(rng.generator(*keys).get_state())
        draw.index, draw.count, draw.batch = index, count, batch
        return draw


def rows(
    draw: torch.Generator, clips: int, make: Callable[[int], Tensor], among: int | None = None
) -> Tensor:
    """What `make(n)` draws for each clip of the whole batch: the rows of this share's clips.

    Args:
        draw: what `make` draws from.
        clips: of this share, or a multiple of it: several rows a clip, one clip after the other in
            each of the repeats (as `torch.cat([past, future])` has them).
        make: n -> tensor (n, ...).
        among: rows of the whole batch, where they are not `clips` times the number of shares.
    """
    index, count = share(draw)
    if count == 1:
        return make(clips)
    drawn = make(clips * count if among is None else among)
    repeats = 1
    if among is None and isinstance(draw, Draw) and draw.batch is not None:
        repeats = max(1, clips * count // len(draw.batch))
    whole = drawn.unflatten(0, (repeats, -1))
    return whole[:, index::count].flatten(0, 1)


def normal(draw: torch.Generator, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers (clips, ...); see `rows`."""
    return rows(draw, shape[0], lambda n: torch.randn(n, *shape[1:], generator=draw))


def first(draw: torch.Generator, clips: int, limit: int) -> tuple[int, float]:
    """How many of a share's clips are among the first `limit` of the whole batch, and their weight.

    The mean over shares of weight * (mean over the share's clips) is the mean over all those clips.
    """
    index, count = share(draw)
    limit = min(limit, clips * count)
    own = len(range(index, limit, count))
    return own, own * count / limit


def whole(draw: torch.Generator, batch: Any) -> Any:
    """The whole batch, on the device of the share's `batch`, for what is normalised over all."""
    if not isinstance(draw, Draw) or draw.batch is None:
        return batch
    device = next(iter(batch.tensors().values())).device
    return draw.batch.to(device)


def own(draw: torch.Generator, tensor: Tensor) -> Tensor:
    """The rows of this share's clips, of a tensor (clips of the whole batch, ...)."""
    index, count = share(draw)
    return tensor if count == 1 else tensor[index::count]


def share(draw: torch.Generator) -> tuple[int, int]:
    """Index and number of the shares."""
    return (draw.index, draw.count) if isinstance(draw, Draw) else (0, 1)
