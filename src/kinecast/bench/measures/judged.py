"""Judged: the futures of one forecast beside what they are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from kinecast.bench.case import Case
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.metrics import displacement


@dataclass(frozen=True, eq=False)
class Judged:
    """K futures and G true ones, over the case's horizon of T frames and its N points.

    Attributes:
        case: the case.
        futures: the samples.
        truths: the true futures, without those that are the forecast itself.
        xy: pixels of the samples.
        probability: that a point is seen, or None where the forecast does not say.
        moving: points that move (`metrics.displacement.moving`).
    """

    case: Case
    futures: tuple[Tracks, ...]
    truths: tuple[Tracks, ...]
    xy: Float32[np.ndarray, "k t n 2"]
    probability: Float[np.ndarray, "k t n"] | None
    moving: Bool[np.ndarray, " n"]

    @property
    def truth(self) -> Tracks:
        """The one true future that metrics of a single truth compare with: the first."""
        return self.truths[0]

    def seen(self) -> Tracks:
        """The truth.

        Raises:
            UserError: it is never visible.
        """
        if not self.truth.visible.any():
            raise UserError("expected a truth with visible points, got none")
        return self.truth

    def seen_moving(self) -> Tracks:
        """The truth with only the moving points visible.

        Raises:
            UserError: none moves.
        """
        if not (self.truth.visible & self.moving).any():
            raise UserError("expected points that move, got none")
        return replace(
            self.truth,
            visible=self.truth.visible & self.moving,
            query_frame=np.full(self.truth.count, -1),
        )

    def from_start(self, xy: Float32[np.ndarray, "k t n 2"]) -> Float32[np.ndarray, "k s n 2"]:
        """The same futures, after an image's own frame where no more was seen."""
        if len(self.case.history) > 1:
            return xy
        start = self.case.history.xy[-1:]
        return np.concatenate([np.broadcast_to(start, (len(xy), *start.shape)), xy], axis=1)

    def reference(self) -> Float32[np.ndarray, "g t n 2"]:
        """All true futures."""
        return np.stack([truth.xy for truth in self.truths])

    def fields(self) -> list[Field]:
        """Samples on the history's grid, masked by what is visible in the truth.

        Raises:
            UserError: the points were not laid on a grid.
        """
        return [self.field(xy) for xy in self.xy]

    def field(self, xy: Float32[np.ndarray, "t n 2"]) -> Field:
        """One of them. Errors: `fields`."""
        grid = self.case.history.grid
        if grid is None:
            raise UserError("expected points on a grid, got scattered ones")
        shape = (len(xy), grid.h, grid.w)
        visible = self.truth.visible.reshape(shape)
        return Field(xy.reshape(*shape, 2), visible, self.truth.size, grid.stride, grid.origin)

    def normalised(self) -> tuple[Float[Tensor, "k n t 2"], Float[Tensor, "n t 2"]]:
        """Samples and truth in [-1, 1] of the frame, a track after the other.

        Raises:
            UserError: the truth does not say where hidden points are.
        """
        if not np.isfinite(self.truth.xy).all():
            raise UserError("expected a truth that knows where hidden points are, got one without")
        ours, theirs = (
            torch.from_numpy(coords.normalise(xy, self.truth.size).astype(np.float64))
            for xy in (self.xy, self.truth.xy)
        )
        return ours.transpose(1, 2), theirs.transpose(0, 1)


def judged(case: Case, futures: Sequence[Tracks], name: str) -> Judged:
    """The futures that a contestant of that name gave, beside the case's.

    Raises:
        UserError: none, other points, frames or sizes, or positions that are not finite.
    """
    if not futures:
        raise UserError(f"expected futures of case {case.id} from {name}, got none")
    for future in futures:
        if (future.xy.shape, future.size) != (case.truth.xy.shape, case.size):
            raise UserError(
                f"expected {case.horizon} frames of {case.history.count} points on {case.size} "
                f"from {name} in case {case.id}, got {future.xy.shape[:2]} on {future.size}"
            )
        if not np.isfinite(future.xy).all():
            raise UserError(
                f"expected {name} to say where every point is, seen or not, got positions in case "
                f"{case.id} that are not finite"
            )
    others = tuple(truth for truth in case.truths if not any(truth is one for one in futures))
    truths = others or case.truths
    probability = futures.visible_prob if isinstance(futures, Forecast) else None
    return Judged(
        case=case,
        futures=tuple(futures),
        truths=truths,
        xy=np.stack([future.xy for future in futures]),
        probability=probability,
        moving=displacement.moving(truths[0], case.history),
    )
