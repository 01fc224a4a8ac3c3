"""What a hand that comes from above can touch: heights over a patch of the table.

A relief is looked up in rectangles, because fingers and palms have rectangular footprints.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

FLOOR = -np.inf  # the height where nothing is


@dataclass(frozen=True)
class Relief:
    """The highest surface over each cell of a patch.

    Attributes:
        origin: xy of the centre of cell (0, 0), metres in the world's frame.
        cell: metres between cells.
        height: z of the highest surface over cell (i, j), at xy = origin + cell * (i, j).
        own: where that surface belongs to the object that is to be grasped.
    """

    origin: tuple[float, float]
    cell: float
    height: Float64[np.ndarray, "n m"]
    own: Bool[np.ndarray, "n m"]

    def xy(self) -> Float64[np.ndarray, "n m 2"]:
        """Centres of the cells."""
        steps = [self.cell * np.arange(n) for n in self.height.shape]
        return np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1) + self.origin

    def around(self, centre: Float64[np.ndarray, " 2"], half: float) -> "Relief":
        """The part within `half` metres of a point along each axis."""
        first = np.maximum(np.ceil((centre - half - self.origin) / self.cell), 0).astype(int)
        last = np.maximum(np.floor((centre + half - self.origin) / self.cell), -1).astype(int)
        rows, columns = (slice(a, b + 1) for a, b in zip(first, last, strict=True))
        x, y = np.asarray(self.origin) + self.cell * first
        return Relief((x, y), self.cell, self.height[rows, columns], self.own[rows, columns])

    def over(
        self, centre: Float64[np.ndarray, " 2"], yaw: float, along: float, across: float
    ) -> Bool[np.ndarray, "n m"]:
        """Cells of a rectangle: half its length `along` the direction `yaw`, half `across` it."""
        a, b = turned(self.xy() - centre, yaw)
        return (np.abs(a) <= along) & (np.abs(b) <= across)

    def highest(self, cells: Bool[np.ndarray, "n m"]) -> float:
        """The highest surface in these cells."""
        return float(self.height[cells].max(initial=FLOOR))


def turned(
    xy: Float64[np.ndarray, "*n 2"], yaw: float
) -> tuple[Float64[np.ndarray, "*n"], Float64[np.ndarray, "*n"]]:
    """Coordinates along and across the direction `yaw` (radians, from x to y)."""
    c, s = np.cos(yaw), np.sin(yaw)
    return xy[..., 0] * c + xy[..., 1] * s, xy[..., 1] * c - xy[..., 0] * s
