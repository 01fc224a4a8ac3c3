"""Forecast: K futures of one history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from jaxtyping import Float16

from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


@dataclass(frozen=True, eq=False)
class Forecast(Sequence[Tracks]):
    """A list of K futures of the same points, and what they were forecast from.

    Attributes:
        futures: one Tracks per sample; frame 0 is the first frame after the history.
        visible_prob: probability that a point is seen; 0 where that sample has left the frame.
        history: what was observed, in the same pixels.

    Raises:
        UserError: no sample, or shapes disagree.
    """

    futures: tuple[Tracks, ...]
    visible_prob: Float16[np.ndarray, "k t n"]
    history: Tracks

    def __post_init__(self) -> None:
        object.__setattr__(self, "futures", tuple(self.futures))
        if not self.futures:
            raise UserError("expected at least one future, got none; ask for k >= 1 samples")
        expected = (len(self.futures), len(self.futures[0]), self.history.count)
        if self.visible_prob.shape != expected:
            raise UserError(
                f"expected visible_prob (K, T, N) {expected}, got {self.visible_prob.shape}"
            )
        for future in self.futures:
            if (len(future), future.count, future.size) != (*expected[1:], self.history.size):
                raise UserError(
                    f"expected futures of {expected[1]} frames and {expected[2]} points on "
                    f"{self.history.size}, got {len(future)}, {future.count}, {future.size}"
                )

    def __len__(self) -> int:
        """Number of samples K."""
        return len(self.futures)

    @overload
    def __getitem__(self, index: int) -> Tracks: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Tracks, ...]: ...

    def __getitem__(self, index: int | slice) -> Tracks | tuple[Tracks, ...]:
        return self.futures[index]

    def mean(self) -> Tracks:
        """The mean of the samples' positions; visible where most of the probability says so."""
        first = self.futures[0]
        xy = np.stack([future.xy for future in self.futures]).mean(axis=0, dtype=np.float64)
        seen = self.visible_prob.astype(np.float32).mean(0) > 0.5
        source = {**first.source, "sample": "mean", "samples": len(self)}
        return replace(first, xy=xy.astype(np.float32), visible=seen, source=source)
