"""How many samples to draw at once.

The one knob is `chunk`, the samples in a batch. Left alone it is planned from the network, the clip
and a share of the machine's memory - of all of it, not of what happens to be free, so that a re-run
takes the same batches and gives the same bits.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import nn

from kinecast.core import device
from kinecast.core.errors import UserError

SHARE = 0.125  # of the memory, for the activations of one batch
CEILING = 1 << 29  # bytes on a CPU: a sample of a larger batch costs up to a third more there
LIVE_COPIES = 6  # activations of a block's widest layer that are alive at once
Result = TypeVar("Result")


def plan_chunk(system: nn.Module, latent: tuple[int, ...], samples: int, tokens: int = 0) -> int:
    """Samples of one batch, in [1, samples].

    Args:
        system: its widest layer and its device are what count.
        latent: shape of one sample's latent, channels last: one token each, at most.
        samples: how many are wanted in all.
        tokens: of a sample at once, where they are more than those of its latent (`Needs.tokens`).
    """
    linear = (layer for layer in system.modules() if isinstance(layer, nn.Linear))
    width = max((layer.out_features for layer in linear), default=1)
    tokens = max(tokens, math.prod(latent[:-1]))
    per_sample = tokens * max(width, latent[-1]) * 4 * LIVE_COPIES
    where = next((p.device for p in system.parameters()), torch.device("cpu"))
    budget = int(device.memory_bytes(where) * SHARE)
    if where.type == "cpu":
        budget = min(budget, CEILING)
    chunks = math.ceil(samples / max(1, budget // per_sample))
    return math.ceil(samples / min(chunks, samples))  # equal batches


def in_chunks(
    items: Sequence[int], chunk: int, run: Callable[[Sequence[int]], Result]
) -> list[Result]:
    """`run` on consecutive batches of `chunk`; halves the batch where an accelerator is full.

    Raises:
        UserError: chunk < 1, or one sample alone does not fit.
    """
    if chunk < 1:
        raise UserError(f"expected chunk >= 1 samples at once, got {chunk}")
    results: list[Result] = []
    start = 0
    while start < len(items):
        batch = items[start : start + chunk]
        try:
            results.append(run(batch))
        except torch.OutOfMemoryError as error:
            if len(batch) == 1:
                raise UserError(
                    "the device's memory does not hold a single sample of this forecast; "
                    "use a larger stride, or --device cpu"
                ) from error
            chunk = len(batch) // 2
            continue
        start += len(batch)
    return results
