"""What a future can be forecast from besides a history: one frame, pokes, a text.

A text is a plain `str`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError


@dataclass(frozen=True, eq=False)
class Frame:
    """One image.

    Attributes:
        image: uint8 RGB.
        fps: frames a second of the video that it is a frame of, or None.

    Raises:
        UserError: another dtype or shape, or no pixels.
    """

    image: UInt8[np.ndarray, "H W 3"]
    fps: float | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise UserError(
                f"expected a frame uint8 RGB (H, W, 3), got {image.dtype} {image.shape}"
            )

    @property
    def size(self) -> Size:
        """(W, H)."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, eq=False)
class Pokes:
    """P points of a frame, each with where it shall be later.

    Attributes:
        start: pixels of the frame, edge-aligned, order xy.
        end: likewise; it may lie outside the frame.
        time: when the point is at its end, as a share of the forecast window: 0 now, 1 its last
            frame.

    Raises:
        UserError: shapes disagree, a number is not finite, or a time leaves [0, 1].
    """

    start: Float32[np.ndarray, "p 2"]
    end: Float32[np.ndarray, "p 2"]
    time: Float32[np.ndarray, " p"]

    def __post_init__(self) -> None:
        P = len(self.time)
        for name, array, shape in (
            ("start", self.start, (P, 2)),
            ("end", self.end, (P, 2)),
            ("time", self.time, (P,)),
        ):
            if array.dtype != np.float32 or array.shape != shape:
                raise UserError(
                    f"expected {name} of {P} pokes float32 {shape}, got {array.dtype} {array.shape}"
                )
            if not np.isfinite(array).all():
                raise UserError(f"expected finite numbers as {name} of pokes, got {array.tolist()}")
        if ((self.time < 0) | (self.time > 1)).any():
            raise UserError(
                f"expected times of pokes from 0 (now) to 1 (the end of the forecast window), "
                f"got {self.time.tolist()}"
            )

    @classmethod
    def of(cls, *pokes: Sequence[float | int]) -> "Pokes":
        """From (x0, y0, x1, y1) or (x0, y0, x1, y1, time) each; the time is 1 where not given.

        Raises:
            UserError: a tuple of another length, or as the class.
        """
        for poke in pokes:
            if len(poke) not in (4, 5):
                raise UserError(f"expected a poke (x0, y0, x1, y1) or with a time, got {poke}")
        rows = np.array([(*poke, 1.0)[:5] for poke in pokes], np.float32).reshape(-1, 5)
        return cls(start=rows[:, :2], end=rows[:, 2:4], time=rows[:, 4])

    def __len__(self) -> int:
        """Number of pokes P."""
        return len(self.time)

    def check_inside(self, size: Size) -> None:
        """Refuse pokes that belong to no (W, H) frame.

        Raises:
            UserError: one starts outside the frame, or ends more than the frame's size beyond it.
        """
        W, H = size
        started = coords.inside(self.start, size)
        ended = coords.inside(self.end + np.array(size, np.float32), (3 * W, 3 * H))
        if started.all() and ended.all():
            return
        p = int(np.argmin(started & ended))
        what = "end near" if started[p] else "start inside"
        raise UserError(
            f"expected every poke to {what} the {W}x{H} frame, in pixels x,y, got one from "
            f"{_place(self.start[p])} to {_place(self.end[p])}"
        )


def _place(xy: Float32[np.ndarray, "2"]) -> str:
    return f"{xy[0]:g},{xy[1]:g}"
