"""What the surroundings of points look like, and where they look the same.

A template is a window of colours around a point, weighted towards the surface that the point lies
on: samples near it and of its own colour (a bilateral window), so that a point beside an object's
edge is recognised by its own side.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from kinecast.data.trackers.dis import sample

RADIUS, SPACING = 8, 2  # of the window's samples, working pixels
REACH = 5.0  # spatial sigma, working pixels
COLOUR = 30.0  # colour sigma, levels of 255
LEVEL = 6.0  # levels by which equal surfaces may differ
TEXTURE = 0.25  # share of a window's own variance by which equal windows may differ
LIGHT = 15.0  # levels by which a whole window may turn brighter or darker
CLOSE = 1.0  # spatial sigma of a window's middle, working pixels
DARKEST, BRIGHTEST = 0.5, 2.0  # of its brightness that a shadow leaves there, or its end brings

_steps = np.arange(-RADIUS, RADIUS + 1, SPACING, dtype=np.float32)
OFFSETS: Float32[np.ndarray, "p 2"] = np.stack(np.meshgrid(_steps, _steps), -1).reshape(-1, 2)
MIDDLE = np.abs(OFFSETS).max(1) <= SPACING
CLOSENESS = np.exp(-np.square(OFFSETS[MIDDLE]).sum(-1) / (2 * CLOSE**2))
CLOSENESS /= CLOSENESS.sum()


@dataclass
class Templates:
    """Windows of N points.

    Attributes:
        colour: of each sample.
        weight: of each sample, summing to 1 over the window.
        slope: of the colour, per working pixel.
        variance: of the weighted colours, mean over channels.
    """

    colour: Float32[np.ndarray, "n p 3"]
    weight: Float32[np.ndarray, "n p"]
    slope: Float32[np.ndarray, "n p 3 2"]
    variance: Float32[np.ndarray, " n"]

    @classmethod
    def at(cls, image: Float32[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]) -> "Templates":
        """Windows around points of a smoothed frame."""
        colour = windows(image, xy)
        step = np.eye(2, dtype=np.float32)
        slope = np.stack(
            [(windows(image, xy + s) - windows(image, xy - s)) / 2 for s in step], axis=-1
        )
        middle = colour[:, len(OFFSETS) // 2, None]
        unlike = np.square(colour - middle).sum(-1) / (2 * COLOUR**2)
        far = np.square(OFFSETS).sum(-1) / (2 * REACH**2)
        weight = np.exp(-unlike - far)
        weight /= weight.sum(1, keepdims=True)
        mean = _mean(weight, colour)
        variance = _mean(weight, np.square(colour - mean)).mean((1, 2))
        return cls(colour, weight, slope, variance)

    @property
    def middle(self) -> Float32[np.ndarray, "n 3"]:
        """The colours of the points themselves."""
        return self.colour[:, len(OFFSETS) // 2]

    @property
    def allowance(self) -> Float32[np.ndarray, " n"]:
        """Mean squared difference that equal windows may have."""
        return LEVEL**2 + TEXTURE * self.variance

    def take(self, which: Bool[np.ndarray, " n"], other: "Templates") -> None:
        """Replace the windows of some points by `other`, which holds just these."""
        for name in ("colour", "weight", "slope", "variance"):
            getattr(self, name)[which] = getattr(other, name)

    def mismatch(
        self, image: Float32[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]
    ) -> Float32[np.ndarray, " n"]:
        """Mean squared difference over what equal windows may have: below 1 is alike."""
        return self.compare(windows(image, xy))

    def compare(self, colour: Float32[np.ndarray, "n p 3"]) -> Float32[np.ndarray, " n"]:
        """`mismatch` with windows that have been read."""
        difference = colour - self.colour
        difference -= np.clip(_mean(self.weight, difference), -LIGHT, LIGHT)
        squared = _mean(self.weight, np.square(difference)).mean((1, 2))
        return squared / self.allowance

    def compare_middle(self, colour: Float32[np.ndarray, "n p 3"]) -> Float32[np.ndarray, " n"]:
        """`compare` for points whose place is known: the middle of the window, in any light.

        What passes beside a point does not count, and each sample may turn darker or brighter, as
        where the edge of a shadow lies.
        """
        own, seen = self.colour[:, MIDDLE], colour[:, MIDDLE]
        length = np.maximum(np.linalg.norm(own, axis=-1, keepdims=True), 1)
        along = (seen * own).sum(-1, keepdims=True) / length
        beside = seen - along * own / length
        beyond = along - np.clip(along, DARKEST * length, BRIGHTEST * length)
        squared = (np.square(beside).sum(-1) + np.square(beyond[..., 0])) / 3
        mean = (own * CLOSENESS[:, None]).sum(1, keepdims=True)
        variance = np.square(own - mean).mean(-1) @ CLOSENESS
        return (squared @ CLOSENESS / (LEVEL**2 + TEXTURE * variance)).astype(np.float32)

    def refine(
        self, image: Float32[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"], steps: int = 3
    ) -> Float32[np.ndarray, "n 2"]:
        """Gauss-Newton on the mismatch, translation only (Baker and Matthews, IJCV 2004)."""
        N = len(xy)
        slope = self.slope - _mean(self.weight, self.slope)
        weighted = (slope * self.weight[..., None, None]).reshape(N, -1, 2).swapaxes(1, 2)
        hessian = weighted @ slope.reshape(N, -1, 2)
        hessian += np.eye(2, dtype=np.float32) * LEVEL  # a flat window does not move
        solve = np.linalg.inv(hessian) @ weighted
        for _ in range(steps):
            difference = windows(image, xy) - self.colour
            xy = xy - np.clip((solve @ difference.reshape(N, -1, 1))[..., 0], -1, 1)
        return xy


def windows(
    image: Float32[np.ndarray, "h w 3"], xy: Float32[np.ndarray, "n 2"]
) -> Float32[np.ndarray, "n p 3"]:
    """Colours of a smoothed frame around points."""
    return sample(image, xy[:, None] + OFFSETS)


def _mean(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Weighted mean over the window (n, 1, *rest)."""
    flat = weight[:, None] @ values.reshape(*weight.shape, -1)
    return flat.reshape(len(weight), 1, *values.shape[2:])
