"""Points that move with a point: near it on the first frame, of its colour, together since."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

COUNT = 24
ALIKE = 30.0  # colour sigma, levels of 255
APART = 0.5  # pixels a frame by which two points of one body may move apart
MEMORY = 0.8  # share of the past in that running mean
ROWS = 256  # distances are taken for so many points at once: memory is linear in N


class Neighbours:
    """The `COUNT` nearest points of each of N points, and how much each is worth.

    Args:
        xy: where the points were laid.
        colour: what is there.
    """

    def __init__(self, xy: Float32[np.ndarray, "n 2"], colour: Float32[np.ndarray, "n 3"]) -> None:
        self._near = _nearest(xy, min(COUNT, len(xy) - 1))
        gap = np.linalg.norm(xy[self._near] - xy[:, None], axis=-1)
        reach = gap[:, :4].mean() if gap.size else 1.0
        unlike = np.square(colour[self._near] - colour[:, None]).sum(-1)
        affinity = np.exp(-unlike / (2 * ALIKE**2)) + 0.02
        self._worth = (affinity * np.exp(-np.square(gap / reach) / 8)).astype(np.float32)
        self._discord = np.zeros_like(self._worth)

    def motion(
        self,
        moved: Float32[np.ndarray, "n 2"],
        trust: Float32[np.ndarray, " n"],
        prior: Float32[np.ndarray, "n 2"],
        prior_trust: Float32[np.ndarray, " n"],
    ) -> Float32[np.ndarray, "n 2"]:
        """What the neighbours say about each point's motion: a mean that discounts outliers once.

        Args:
            moved, trust: motion of every point and its weight (0: unknown).
            prior, prior_trust: motion expected of each point and its weight.

        Returns:
            Motion; zero where there is nothing to go by.
        """
        weight = self._worth * np.exp(-self._discord / APART) * trust[self._near]
        known = weight.sum(1) > 0.02
        mean = _weighted(weight, moved[self._near])
        weight = weight / (1 + np.square(moved[self._near] - mean[:, None]).sum(-1))
        mean = _weighted(weight, moved[self._near])
        theirs = np.where(known, weight.sum(1), 0)
        total = theirs + prior_trust
        blend = theirs[:, None] * mean + prior_trust[:, None] * prior
        return (blend / np.maximum(total, 1e-6)[:, None]).astype(np.float32)

    def share(self, which: Bool[np.ndarray, " n"]) -> Float32[np.ndarray, " n"]:
        """Of what each point's neighbours are worth, the share that some of them have."""
        total = np.maximum(self._worth.sum(1), 1e-6)
        return (self._worth * which[self._near]).sum(1) / total

    def remember(self, moved: Float32[np.ndarray, "n 2"], seen: Bool[np.ndarray, " n"]) -> None:
        """Learn from one frame which neighbours move together."""
        apart = np.linalg.norm(moved[:, None] - moved[self._near], axis=-1)
        both = seen[:, None] & seen[self._near]
        learnt = MEMORY * self._discord + (1 - MEMORY) * apart
        self._discord = np.where(both, learnt, self._discord).astype(np.float32)


def _weighted(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.maximum(weight.sum(1, keepdims=True), 1e-6)
    return (weight[..., None] * values).sum(1) / total


def _nearest(xy: np.ndarray, count: int) -> Int64[np.ndarray, "n k"]:
    """Nearest other points, nearest first."""
    found = np.empty((len(xy), count), np.int64)
    for row in range(0, len(xy), ROWS):
        part = xy[row : row + ROWS]
        gap = np.square(part[:, None] - xy[None]).sum(-1)
        gap[np.arange(len(part)), row + np.arange(len(part))] = np.inf
        found[row : row + ROWS] = np.argsort(gap, axis=1, kind="stable")[:, :count]
    return found
