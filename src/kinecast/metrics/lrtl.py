"""LRTL: how far an object's tracks are from moving as a rigid body, without reference to a truth.

The tracks of a rigid body under an affine camera form a matrix of rank 4 at most; what is left
beyond rank 5 is deformation or noise. Fewer points or less motion score lower, a still object 0:
compare at equal points and frames, beside a displacement error, or use `motion_normalised`. White
jitter of s pixels adds about s * sqrt((2 T - 5) (n - 5)).

Source: What Happens Next? (arXiv 2509.21592), section 4. No code was published; not centring and
leaving the background out are our reading.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from kinecast.core.errors import UserError

RANK = 5
Normalise = Literal["none", "per_point"]


def rank_residual(
    xy: Float[np.ndarray, "t n 2"], normalise: Normalise = "none", centred: bool = False
) -> float:
    """Frobenius norm of one object's tracks beyond their best approximation of rank 5.

    Args:
        xy: pixels (256 x 256 frame in the published setting), the object's points.
        normalise: "per_point" divides by sqrt(n), so that objects of other sizes compare.
        centred: take each frame's mean of the points off first.

    Raises:
        UserError: fewer than 3 frames or 6 points, where every motion has rank 5, or a position
            that is not finite.
    """
    T, n = xy.shape[:2]
    if 2 * T <= RANK or n <= RANK:
        raise UserError(
            f"expected at least 3 frames of 6 points, got {T} of {n}: any such tracks have rank "
            f"{RANK}"
        )
    if not np.isfinite(xy).all():
        raise UserError("expected finite positions, got some that are not; leave such points out")
    rows = np.concatenate([xy[..., 0], xy[..., 1]]).astype(np.float64)
    if centred:
        rows = rows - rows.mean(axis=1, keepdims=True)
    values = np.linalg.svd(rows, compute_uv=False)
    residual = float(np.sqrt(np.square(values[RANK:]).sum()))
    return residual / np.sqrt(n) if normalise == "per_point" else residual


def lrtl(
    xy: Float[np.ndarray, "t n 2"],
    objects: Int[np.ndarray, " n"],
    normalise: Normalise = "none",
    centred: bool = False,
) -> dict[int, float]:
    """`rank_residual` of each object; the score is their mean over objects, rollouts and scenes.

    Args:
        objects: the object each point was laid on (its query's nearest pixel of the instance mask
            of the first frame); negative: background, left out.

    Returns:
        Object -> pixels, in the order of objects; those of fewer than 6 points are left out.

    Raises:
        UserError: no object of 6 points, and those of `rank_residual`.
    """
    if objects.shape != xy.shape[1:2]:
        raise UserError(f"expected one object a point, got {objects.shape} for {xy.shape[1]}")
    each = {
        int(name): rank_residual(xy[:, objects == name], normalise, centred)
        for name in np.unique(objects[objects >= 0])
        if (objects == name).sum() > RANK
    }
    if not each:
        raise UserError(f"expected an object of more than {RANK} points, got none")
    return each
