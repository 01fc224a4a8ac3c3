"""meta/stats.json of a LeRobot data set: smallest, largest, mean and deviation of each feature."""

from typing import Any

import numpy as np
from jaxtyping import UInt8


class Stats:
    """Running statistics over frames, of each element of a feature."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, np.ndarray]] = {}
        self._frames: dict[str, int] = {}

    def add(self, name: str, values: np.ndarray, where: np.ndarray | None = None) -> None:
        """Take values (T, ...) of a feature, only finite ones and those where `where` is true."""
        values = values.reshape(len(values), *(values.shape[1:] or (1,))).astype(np.float64)
        known = np.isfinite(values)
        known &= True if where is None else where
        zeroed = np.where(known, values, 0.0)
        self._merge(
            name,
            len(values),
            count=known.sum(0),
            total=zeroed.sum(0),
            squares=np.square(zeroed).sum(0),
            low=np.where(known, values, np.inf).min(0),
            high=np.where(known, values, -np.inf).max(0),
        )

    def add_pictures(self, name: str, pictures: UInt8[np.ndarray, "t h w 3"]) -> None:
        """Take pictures, as channels from 0 to 1 of every fourth pixel each way."""
        pixels = pictures[:, ::4, ::4].reshape(-1, 3) / 255.0
        self._merge(
            name,
            len(pictures),
            count=np.full((3, 1, 1), len(pixels)),
            total=pixels.sum(0).reshape(3, 1, 1),
            squares=np.square(pixels).sum(0).reshape(3, 1, 1),
            low=pixels.min(0).reshape(3, 1, 1),
            high=pixels.max(0).reshape(3, 1, 1),
        )

    def record(self) -> dict[str, Any]:
        """As meta/stats.json holds it; what was never seen has zeros."""
        found: dict[str, Any] = {}
        for name, sums in self._sums.items():
            count = np.maximum(sums["count"], 1)
            mean = sums["total"] / count
            spread = np.sqrt(np.maximum(sums["squares"] / count - np.square(mean), 0.0))
            seen = sums["count"] > 0
            found[name] = {
                "min": np.where(seen, sums["low"], 0.0).tolist(),
                "max": np.where(seen, sums["high"], 0.0).tolist(),
                "mean": mean.tolist(),
                "std": spread.tolist(),
                "count": [self._frames[name]],
            }
        return found

    def _merge(self, name: str, frames: int, **new: np.ndarray) -> None:
        self._frames[name] = self._frames.get(name, 0) + frames
        old = self._sums.setdefault(name, new)
        if old is not new:
            how = {"low": np.minimum, "high": np.maximum}
            self._sums[name] = {key: how.get(key, np.add)(old[key], new[key]) for key in new}
