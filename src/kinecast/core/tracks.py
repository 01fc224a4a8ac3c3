"""Tracks: where points are, and whether they are seen, in every frame."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid


@dataclass(frozen=True, eq=False)
class Tracks:
    """N points over T frames.

    Attributes:
        xy: pixels of `size`, edge-aligned, order xy. Finite where visible.
        visible: seen in that frame (False: occluded, outside the frame, or unknown).
        size: (W, H) of the frame the pixels belong to.
        query_frame: the frame at which a point was laid, where it is visible and exact; -1 when
            that frame is not in this window (as in a forecast). Default: all -1.
        confidence: the tracker's belief in each position, 0 to 1, or None.
        fps: frames a second, or None.
        grid: how the points were laid, row-major, or None for scattered points.
        source: provenance (tracker, thresholds, seed, versions); JSON-able.

    Raises:
        UserError: shapes disagree, a visible point is not finite, or a query frame or fps is wrong.
    """

    xy: Float32[np.ndarray, "t n 2"]
    visible: Bool[np.ndarray, "t n"]
    size: Size
    query_frame: Int64[np.ndarray, " n"] = None  # type: ignore[assignment]  # filled below
    confidence: Float32[np.ndarray, "t n"] | None = None
    fps: float | None = None
    grid: Grid | None = None
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", coords.check_size(self.size))
        if self.xy.ndim != 3 or self.xy.shape[2] != 2 or self.xy.dtype != np.float32:
            raise UserError(f"expected xy float32 (T, N, 2), got {self.xy.dtype} {self.xy.shape}")
        T, N = self.xy.shape[:2]
        if self.query_frame is None:
            object.__setattr__(self, "query_frame", np.full(N, -1, np.int64))
        _check_array("visible", self.visible, np.bool_, (T, N))
        _check_array("query_frame", self.query_frame, np.int64, (N,))
        if self.confidence is not None:
            _check_array("confidence", self.confidence, np.float32, (T, N))
        finite = np.isfinite(self.xy)
        bad = self.visible & ~(finite[..., 0] & finite[..., 1])  # 20 times faster than .all(-1)
        if bad.any():
            t, n = np.argwhere(bad)[0]
            raise UserError(
                f"expected finite xy where visible, got {self.xy[t, n].tolist()} at frame {t}, "
                f"point {n} ({int(bad.sum())} such); mark these points as not visible"
            )
        asked = np.flatnonzero(self.query_frame >= 0)
        if (self.query_frame < -1).any() or (self.query_frame >= T).any():
            raise UserError(
                f"expected query_frame in [-1, {T}), got {self.query_frame.tolist()[:8]}"
            )
        if not self.visible[self.query_frame[asked], asked].all():
            raise UserError("expected every point visible at its query frame, got one hidden")
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise UserError(f"expected fps > 0 frames a second or None, got {self.fps}")
        if self.grid is not None and self.grid.count != N:
            raise UserError(
                f"expected {self.grid.count} points for a {self.grid.h}x{self.grid.w} grid, got {N}"
            )

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.xy)

    @property
    def count(self) -> int:
        """Number of points N."""
        return int(self.xy.shape[1])

    def window(self, start: int, stop: int) -> "Tracks":
        """Frames [start, stop), views of the same arrays; query frames outside become -1.

        Raises:
            UserError: the window is empty or leaves the tracks.
        """
        if not 0 <= start < stop <= len(self):
            raise UserError(
                f"expected 0 <= start < stop <= {len(self)} frames, got [{start}, {stop})"
            )
        query = self.query_frame - start
        query = np.where((self.query_frame < start) | (self.query_frame >= stop), -1, query)
        confidence = None if self.confidence is None else self.confidence[start:stop]
        return replace(
            self,
            xy=self.xy[start:stop],
            visible=self.visible[start:stop],
            query_frame=query,
            confidence=confidence,
        )

    def split(self, at: int) -> tuple["Tracks", "Tracks"]:
        """Past [0, at) and future [at, T)."""
        return self.window(0, at), self.window(at, len(self))

    def resized(self, size: Size) -> "Tracks":
        """The same points after the frame is resized to (W, H).

        The grid is kept only where the aspect ratio is: otherwise its stride is not one number.
        """
        W, H = coords.check_size(size)
        scale = (W / self.size[0], H / self.size[1])
        grid = self.grid
        if grid is not None:
            same = np.isclose(*scale, rtol=1e-9)
            origin = (grid.origin[0] * scale[0], grid.origin[1] * scale[1])
            grid = Grid(grid.h, grid.w, grid.stride * scale[0], origin) if same else None
        return replace(self, xy=coords.resize(self.xy, self.size, (W, H)), size=(W, H), grid=grid)

    def normalized(self) -> Float32[np.ndarray, "t n 2"]:
        """Positions in [-1, 1] inside the frame."""
        return coords.normalise(self.xy, self.size)

    def inside(self) -> Bool[np.ndarray, "t n"]:
        """Which points lie in the frame."""
        return np.asarray(coords.inside(self.xy, self.size))


def _check_array(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise UserError(
            f"expected {name} {np.dtype(dtype).name} {shape}, got {array.dtype} {array.shape}"
        )
