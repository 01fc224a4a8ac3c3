"""Field: tracks laid out on the grid they started from."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks


@dataclass(frozen=True, eq=False)
class Field:
    """Positions of a regular grid of points over time.

    Attributes:
        xy: pixels of `size`, edge-aligned, order xy.
        visible: seen in that frame.
        size: (W, H).
        stride, origin: point (i, j) was laid at `origin + stride * (j, i)`.

    Raises:
        UserError: shapes disagree.
    """

    xy: Float32[np.ndarray, "t h w 2"]
    visible: Bool[np.ndarray, "t h w"]
    size: Size
    stride: float
    origin: tuple[float, float]

    def __post_init__(self) -> None:
        if self.xy.ndim != 4 or self.xy.shape[3] != 2 or self.visible.shape != self.xy.shape[:3]:
            raise UserError(
                f"expected xy (T, h, w, 2) and visible (T, h, w), "
                f"got {self.xy.shape} and {self.visible.shape}"
            )

    @property
    def grid(self) -> Grid:
        """The grid the points were laid on."""
        return Grid(self.xy.shape[1], self.xy.shape[2], self.stride, self.origin)

    @classmethod
    def of(cls, tracks: Tracks) -> "Field":
        """The field view of tracks that were laid on a grid (no copy).

        Raises:
            UserError: the tracks have no grid.
        """
        grid = tracks.grid
        if grid is None:
            raise UserError(
                "expected tracks laid on a grid, got scattered points; "
                "track the video with a stride, or set Tracks.grid"
            )
        shape = (len(tracks), grid.h, grid.w)
        return cls(
            xy=tracks.xy.reshape(*shape, 2),
            visible=tracks.visible.reshape(shape),
            size=tracks.size,
            stride=grid.stride,
            origin=grid.origin,
        )

    def tracks(self) -> Tracks:
        """The same values as N = h * w tracks, row-major (no copy)."""
        T = len(self.xy)
        return Tracks(
            xy=self.xy.reshape(T, -1, 2),
            visible=self.visible.reshape(T, -1),
            size=self.size,
            grid=self.grid,
        )

    def offsets(self) -> Float32[np.ndarray, "t h w 2"]:
        """Normalised position minus normalised anchor: the grid-anchor offset (TrajLoom, 3.1)."""
        anchor = coords.normalise(self.grid.points(), self.size)
        return coords.normalise(self.xy, self.size) - anchor
