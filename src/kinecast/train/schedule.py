"""The learning rate and the batch over a stage."""

import math
from collections.abc import Mapping

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
    """Clips of step 0..steps-1, of a stage that `check_batches` passed."""
    first = _first_batch(optim)
    return first << (step * (_doublings(optim) + 1) // max(1, optim.steps))


def check_batches(stages: Mapping[str, Optim], processes: int) -> None:
    """Refuse batches that a stage cannot take, hours before it begins.

    Args:
        stages: stage name -> how it is optimised.
        processes: that share a batch.

    Raises:
        UserError: a batch that is no power of two times the first one, or does not divide into
            processes and passes of gradient accumulation; names the stage.
    """
    for name, optim in stages.items():
        if not optim.steps:
            continue
        first = _first_batch(optim)
        if first << _doublings(optim) != optim.batch:
            raise UserError(
                f"expected {name}.batch as {name}.first_batch times 1, 2, 4, ..., "
                f"got {optim.batch} and {first}"
            )
        if first % (processes * (optim.micro or 1)):  # what it doubles to divides if it does
            key = "batch" if optim.first_batch is None else "first_batch"
            parts = [f"{processes} processes"] if processes > 1 else []
            parts += [f"{name}.micro={optim.micro}"] if optim.micro else []
            raise UserError(
                f"expected {name}.{key} as a multiple of {' x '.join(parts)}, got {first}; "
                f"choose {name}.{key}, {name}.micro or the number of processes so that it divides"
            )


def _first_batch(optim: Optim) -> int:
    return optim.batch if optim.first_batch is None else optim.first_batch


def _doublings(optim: Optim) -> int:
    return max(0, round(math.log2(optim.batch / max(1, _first_batch(optim)))))
