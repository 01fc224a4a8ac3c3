"""A regular grid of points on a frame."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from kinecast.core.coords import Size, check_size
from kinecast.core.errors import UserError

DEFAULT_CELLS = 390  # 15 x 26, the published grid: stride 32 at 832x480


@dataclass(frozen=True)
class Grid:
    """Point (i, j) starts at `origin + stride * (j, i)`, in pixels xy (edge-aligned).

    Attributes:
        h, w: rows and columns.
        stride: pixels between neighbours.
        origin: xy of point (0, 0); our own models use cell centres, stride / 2.
    """

    h: int
    w: int
    stride: float
    origin: tuple[float, float]

    def __post_init__(self) -> None:
        if self.h < 1 or self.w < 1 or not self.stride > 0 or not math.isfinite(self.stride):
            raise UserError(
                f"a grid needs h >= 1, w >= 1 and stride > 0, "
                f"got h={self.h}, w={self.w}, stride={self.stride}"
            )

    @property
    def count(self) -> int:
        """Number of points, N = h * w (row-major)."""
        return self.h * self.w

    def points(self) -> Float32[np.ndarray, "h w 2"]:
        """Starting points in pixels, xy."""
        x = self.origin[0] + self.stride * np.arange(self.w)
        y = self.origin[1] + self.stride * np.arange(self.h)
        return np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)

    @classmethod
    def over(cls, size: Size, stride: float | None = None) -> "Grid":
        """Cell centres that cover a (W, H) frame: every centre inside the frame.

        Without a stride, the whole stride that gives about 390 cells (32 at 832x480).

        Raises:
            UserError: the stride is below one pixel or leaves no cell centre in the frame.
        """
        W, H = check_size(size)
        if stride is None:
            wanted = max(1, round(math.sqrt(W * H / DEFAULT_CELLS)))
            stride = float(min(wanted, 2 * min(W, H) - 1))  # a thin frame still holds a row
        if not stride >= 1 or stride / 2 >= min(W, H):
            raise UserError(
                f"expected a stride from 1 to below {2 * min(W, H)} pixels on a {W}x{H} frame, "
                f"got {stride}"
            )
        half = stride / 2
        return cls(
            h=math.ceil((H - half) / stride),
            w=math.ceil((W - half) / stride),
            stride=stride,
            origin=(half, half),
        )
