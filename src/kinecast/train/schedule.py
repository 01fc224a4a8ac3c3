"""The learning rate and the batch over a stage."""

import math

from kinecast.core.errors import UserError
from kinecast.train.recipe import Optim

DECAY = 0.1  # share of a stage in which "wsd" falls (MiniCPM, arXiv 2404.06395)


def learning_rate(optim: Optim, step: int) -> float:
    """Rate of step 0..steps-1: linear warm-up, then down to `floor * lr` as the schedule says.

    "cosine" falls all the way; "wsd" (warm-up, stable, decay) falls linearly in the last tenth. The
    warm-up is at most a fifth of the stage, so that short runs reach the peak.
    """
    warmup = min(optim.warmup, optim.steps // 5)
    if step < warmup:
        return optim.lr * (step + 1) / (warmup + 1)
    if optim.schedule == "wsd":
        left = min(1.0, (optim.steps - step) / (DECAY * optim.steps))
        return optim.lr * (optim.floor + (1 - optim.floor) * left)
    progress = (step - warmup) / max(1, optim.steps - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return optim.lr * (optim.floor + (1 - optim.floor) * cosine)


def batch_size(optim: Optim, step: int) -> int:
    """Clips of step 0..steps-1.

    Raises:
        UserError: a batch that is no power of two times the first one.
    """
    first = optim.batch if optim.first_batch is None else optim.first_batch
    doublings = max(0, round(math.log2(optim.batch / max(1, first))))
    if first << doublings != optim.batch:
        raise UserError(
            f"expected batch as first_batch times 1, 2, 4, ..., got {optim.batch} and {first}"
        )
    return first << (step * (doublings + 1) // max(1, optim.steps))
