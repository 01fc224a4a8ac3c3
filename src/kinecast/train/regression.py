"""Stages of the regressors: near what happened on average, and which points will be seen."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from kinecast.core import coords
from kinecast.systems.base import FieldBatch
from kinecast.systems.regression.history import HistoryRegression
from kinecast.systems.regression.image import ImageRegression
from kinecast.systems.regression.parts import REACH
from kinecast.train.history_pool import HistoryPool
from kinecast.train.image_item import ImageItem
from kinecast.train.images import ImageClips
from kinecast.train.mean_motion import MeanMotion
from kinecast.train.small_mean import average, shortened, target
from kinecast.train.stage import Batch
from kinecast.train.validate import Validation
from kinecast.train.whn_pictures import pictures_of

DELTA = 0.1  # of the Huber distance: below it the error counts by its square
FLOOR = 4.0  # reference pixels added to a clip's motion: still clips are not everything
SEEN_WEIGHT = 0.1  # of the visibility's cross-entropy, beside the motion's distance
SAMPLES = ("best of 1", "one sample")  # scores that say nothing of a single future
MEAN_CLIPS = 256  # that "predict the mean" is taken of


class HistoryStage:
    """Huber distance over how far the clip's points went: 1 is about what standing still costs."""

    def __init__(self, system: HistoryRegression, pool: HistoryPool, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._device = system, device
        self._validation = Validation(pool.validation(), samples=1, steps=1, mean=MeanMotion(pool))

    def loss(self, batch: Batch, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Half of the batches have their whole history, half a random part of it."""
        history, future = shortened(batch, draw)
        cond = self._system.condition(history)
        xy, logits = self._system.decode(cond["answer"], cond)
        moved = target(history, future)
        ours = coords.displacement_to_reference(xy - history.xy[:, -1:], history.size)
        far = average(moved.norm(dim=-1), future.visible) + FLOOR
        motion = _huber((ours - moved) / far[:, None, None, None, None], future.visible)
        seen = F.binary_cross_entropy_with_logits(logits, future.visible.float())
        return motion + SEEN_WEIGHT * seen, {"motion": motion.item(), "seen": seen.item()}

    def validate(self) -> dict[str, float]:
        """ADE in pixels on held-out clips ("model"), of moving points, and of trivial baselines."""
        scores = self._validation.scores(self._system, self._device)
        return {name: ade for name, ade in scores.items() if name not in SAMPLES}

    def pictures(self) -> dict[str, np.ndarray]:
        """A held-out clip's future, the error over the horizon beside the baselines'."""
        return self._validation.pictures(self._system, self._device)

    def finish(self) -> None:
        """Nothing to do."""


class ImageStage:
    """Huber distance of displacements, in units of `REACH` reference pixels."""

    def __init__(self, system: ImageRegression, pool: ImageClips, device: torch.device) -> None:
        self.module: nn.Module = system
        self._system, self._pool, self._device = system, pool, device
        self._held_out = pool.validation()
        self._mean: Tensor | None = None

    def loss(self, batch: ImageItem, draw: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Mean over the points of the first view that are seen, frame by frame."""
        ours, logits, moved, visible = self._compared(batch)
        motion = _huber((ours - moved) / REACH, visible)
        seen = F.binary_cross_entropy_with_logits(logits, visible.float())
        return motion + SEEN_WEIGHT * seen, {"motion": motion.item(), "seen": seen.item()}

    def validate(self) -> dict[str, float]:
        """Mean pixels to the truth over visible points and all frames but the image's own.

        Beside it, without the image: every point stays, or moves as points do on average.
        """
        if self._mean is None:
            self._mean = _mean_motion(self._pool)
        rows: dict[str, list[Tensor]] = {}
        for item in self._held_out:
            item = item.to(self._device)
            ours, _, moved, visible = self._compared(item)
            mean = self._mean.to(moved)[:, None, None]
            guesses = {"model": ours, "predict the mean": mean, "stay": torch.zeros_like(moved)}
            for name, guess in guesses.items():
                gap = coords.displacement_from_reference(guess - moved, item.size)
                distance = coords.displacement_to_pixels(gap, item.size).norm(dim=-1)
                rows.setdefault(name, []).append(average(distance, visible))
        return {name: torch.cat(values).mean().item() for name, values in rows.items()}

    def pictures(self) -> dict[str, np.ndarray]:
        """A held-out clip's future on the picture, and its error over the horizon."""
        item = self._held_out[0].to(self._device)
        cond = self._system.condition(item.images())
        start = item.normalised()[:, 0, 0]
        offsets, _ = self._system.answer(start, cond)
        offsets = F.pad(offsets.transpose(1, 2), (0, 0) * 2 + (1, 0))
        xy = coords.denormalise(start[:, None] + offsets, item.size)[0].cpu().numpy()
        stay = xy[:1].repeat(len(xy), 0)
        return pictures_of(item, "future", xy[None], {"stay": stay[None]})

    def finish(self) -> None:
        """Nothing to do."""

    def _compared(self, item: ImageItem) -> tuple[Tensor, Tensor, Tensor, Bool[Tensor, "b t 1 n"]]:
        """Motion (b, t, 1, n, 2) in reference pixels and logits, the true motion, what is seen."""
        future = field_of(item)
        cond = self._system.condition(item.images())
        offsets, logits = self._system.answer(future.xy[:, 0, 0], cond)
        ours = coords.displacement_to_reference(offsets.transpose(1, 2)[:, :, None], item.size)
        gap = future.xy[:, 1:] - future.xy[:, :1]
        moved = coords.displacement_to_reference(gap, item.size)
        return ours, logits.transpose(1, 2)[:, :, None], moved, future.visible[:, 1:]


def field_of(item: ImageItem) -> FieldBatch:
    """All points of the first view as one row, on a grid or not."""
    return FieldBatch(item.normalised()[:, 0, :, None], item.visible[:, 0, :, None], item.size)


def _huber(error: Float[Tensor, "b t h w 2"], visible: Bool[Tensor, "b t h w"]) -> Tensor:
    """Mean over clips of the mean over what is seen; in the unit of the error where it is large."""
    each = F.huber_loss(error, torch.zeros_like(error), reduction="none", delta=DELTA) / DELTA
    return average(each.sum(-1), visible).mean()


def _mean_motion(pool: ImageClips) -> Float[Tensor, "t 2"]:
    """Motion after the first frame in reference pixels, averaged over training clips."""
    moved = []
    for item in _first(pool):
        xy = item.normalised()[:, 0]
        moved.append(coords.displacement_to_reference(xy[:, 1:] - xy[:, :1], item.size).mean(2))
    return torch.cat(moved).mean(0)


def _first(pool: ImageClips) -> Iterator[ImageItem]:
    count = min(MEAN_CLIPS, pool.clips_of_one_size)
    for start in range(0, count, 32):
        yield pool.take(0, torch.arange(start, min(start + 32, count)))
