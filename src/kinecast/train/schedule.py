"""The learning rate over a stage."""

import math

from kinecast.train.recipe import Optim


def learning_rate(optim: Optim, step: int) -> float:
    """Rate of step 0..steps-1: linear warm-up, then a cosine down to `floor * lr`.

    The warm-up is at most a fifth of the stage, so that short runs reach the peak.
    """
    warmup = min(optim.warmup, optim.steps // 5)
    if step < warmup:
        return optim.lr * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, optim.steps - warmup)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return optim.lr * (optim.floor + (1 - optim.floor) * cosine)
