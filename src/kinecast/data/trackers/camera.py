"""How the camera moved: one homography from the first frame, fitted to the points that follow it.

Flow is a guess where nothing has texture. The camera's motion is what such points are held by: the
simplest motion (none, a similarity, a homography) that explains what the points see.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from kinecast.core import coords
from kinecast.data.trackers.appearance import Templates

INLIER = 1.0  # working pixels
ENOUGH = 12  # points for a fit
BETTER = 0.98  # share of the mismatch that a less simple motion may leave ...
AT_LEAST = 0.002  # ... and the least it must gain


class Camera:
    """The camera's motion so far.

    Attributes:
        pose: homography from the first frame to the present one, integer pixel centres.
        xy: where it takes every point.
    """

    def __init__(self, xy: Float32[np.ndarray, "n 2"]) -> None:
        self._laid = xy
        self.pose: Float[np.ndarray, "3 3"] = np.eye(3)
        self.xy = xy

    def follow(
        self,
        colour: Float32[np.ndarray, "h w 3"],
        flowed: Float32[np.ndarray, "n 2"],
        trusted: Bool[np.ndarray, " n"],
        bound: Bool[np.ndarray, " n"],
        templates: Templates,
    ) -> None:
        """Take the next frame.

        Args:
            colour: the smoothed frame.
            flowed: where flow takes the points.
            trusted: which of these are to be fitted.
            bound: points that have moved with the camera so far; they judge.
            templates: of the points, from the first frame.
        """

        def judge(pose: np.ndarray) -> float:
            if not bound.any():
                return 0.0
            mismatch = templates.mismatch(colour, project(pose, self._laid))
            return float(np.minimum(mismatch, 1)[bound].mean())

        best, chosen = judge(self.pose), None
        for fit in (_similarity, _homography):
            pose = fit(self._laid, flowed, trusted & bound)
            if pose is not None and (worth := judge(pose)) < best * BETTER - AT_LEAST:
                best, chosen, self.pose = worth, fit, pose
        if chosen is not None:  # settle on the first frame's appearance, so that it never drifts
            start = project(self.pose, self._laid)
            settled = templates.refine(colour, start)
            near = np.linalg.norm(settled - start, axis=-1) < 2 * INLIER
            alike = templates.mismatch(colour, settled) < 0.5
            pose = chosen(self._laid, settled, bound & near & alike)
            if pose is not None and judge(pose) < best:
                self.pose = pose
        self.xy = project(self.pose, self._laid)


def project(
    pose: Float[np.ndarray, "3 3"], xy: Float32[np.ndarray, "n 2"]
) -> Float32[np.ndarray, "n 2"]:
    """Edge-aligned points under a homography of integer pixel centres."""
    at = coords.to_pixel_centres(xy)
    moved = at @ pose[:, :2].T + pose[:, 2]
    moved = moved[:, :2] / np.where(np.abs(moved[:, 2:]) < 1e-6, 1e-6, moved[:, 2:])
    return coords.from_pixel_centres(moved.astype(np.float32))


def _similarity(laid: np.ndarray, now: np.ndarray, use: np.ndarray) -> np.ndarray | None:
    if use.sum() < ENOUGH:
        return None
    pair = coords.to_pixel_centres(laid[use]), coords.to_pixel_centres(now[use])
    rows, _ = cv2.estimateAffinePartial2D(*pair, method=cv2.RANSAC, ransacReprojThreshold=INLIER)
    return None if rows is None else np.vstack([rows, [0, 0, 1]])


def _homography(laid: np.ndarray, now: np.ndarray, use: np.ndarray) -> np.ndarray | None:
    if use.sum() < ENOUGH:
        return None
    pair = coords.to_pixel_centres(laid[use]), coords.to_pixel_centres(now[use])
    return cv2.findHomography(*pair, cv2.RANSAC, INLIER)[0]
