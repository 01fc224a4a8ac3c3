"""What a pool's clips do on average: "predict the mean" beside systems that see histories."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinecast.core import coords, rng
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import constant_position
from kinecast.train.history_pool import HistoryPool
from kinecast.train.stage import Batch

NAME = "predict the mean"
CLIPS = 256  # of each frame size, at least, that a mean is taken of
AT_ONCE = 16


class MeanMotion:
    """Every point moves on as points do on average in training; it knows nothing of its history."""

    def __init__(self, pool: HistoryPool) -> None:
        """Of the pool's first chunk, which is read when the first forecast is asked for."""
        self._pool = pool
        self._moved: Float[Tensor, "t 2"] | None = None

    def forecast(self, history: Tracks, horizon: int) -> Float[np.ndarray, "t n 2"]:
        """Pixels xy: from where each point was last seen, `horizon` frames."""
        if self._moved is None:
            self._moved = _mean_motion(self._pool)
        moved = coords.displacement_to_pixels(self._moved[:horizon], history.size).numpy()
        return constant_position(history, horizon).xy + moved[:, None]


def training_clips(pool: HistoryPool) -> Iterator[Batch]:
    """Clips of each frame size, from everywhere in the pool's first chunk: every so many-th."""
    for which in range(len(pool.data.sizes)):
        for number, some in enumerate(pool.spread(CLIPS).split(AT_ONCE)):
            yield pool.take(0, which, some, rng.generator(which, number))


def _mean_motion(pool: HistoryPool) -> Float[Tensor, "t 2"]:
    """Normalised displacement from the last frame of the history, over the points that are seen."""
    total, count = torch.zeros(pool.data.horizon, 2), torch.zeros(pool.data.horizon, 1)
    for batch in training_clips(pool):
        gap = batch.xy[:, batch.history :] - batch.noisy_xy[:, -1:]
        seen = batch.visible[:, batch.history :, ..., None]
        moved = coords.displacement_to_normalised(gap, batch.size)
        total += (moved * seen).sum((0, 2, 3))
        count += seen.sum((0, 2, 3))
    return total / count.clamp(min=1)
