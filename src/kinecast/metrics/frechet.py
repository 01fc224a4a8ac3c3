"""Distance of two sets of features, each seen as a Gaussian (Frechet distance).

Source: FVMD (Liu et al., arXiv 2407.16124) after FID (Heusel et al., arXiv 1706.08500, eq. 6), with
the numerics of the published tool: covariances over n - 1, and eps on both diagonals inside the
square root only. The distance of a set to itself is therefore about -2 * eps * dimensions, not 0.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError

EPS = 1e-5


class Frechet(NamedTuple):
    """The terms of a Frechet distance, all in squared units of the features.

    Attributes:
        means: squared distance of the means.
        spread_a, spread_b: trace of each covariance.
        shared: trace of the square root of (covariance a + eps) (covariance b + eps).
    """

    means: float
    spread_a: float
    spread_b: float
    shared: float

    @property
    def distance(self) -> float:
        """The Frechet distance; slightly negative for equal sets."""
        return self.means + self.spread_a + self.spread_b - 2 * self.shared


def frechet(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "n d"], eps: float = EPS) -> Frechet:
    """Frechet distance of two sets of d features, in float64.

    Where there are fewer rows than features, both sets are first written in an orthonormal basis
    of their joint span, m + n numbers a row: every other dimension holds nothing but eps, and adds
    eps to the shared trace. No matrix of d x d is built then.

    Raises:
        UserError: fewer than two rows in a set, no features or other ones, or one that is not
            finite.
    """
    a, b = _checked(a), _checked(b)
    D = a.shape[1]
    if b.shape[1] != D:
        raise UserError(f"expected sets of the same features, got {D} and {b.shape[1]} of them")
    means = float(np.square(a.mean(0) - b.mean(0)).sum())
    a, b = a - a.mean(0), b - b.mean(0)
    spreads = [float(np.square(x).sum() / (len(x) - 1)) for x in (a, b)]
    if len(a) + len(b) < D:
        rows = np.asarray(np.linalg.qr(np.concatenate([a, b]).T, mode="r")).T
        a, b = rows[: len(a)], rows[len(a) :]
    # The trace of the root of a product A B is the sum of the singular values of a root of A times
    # one of B: unlike the eigenvalues of A B these keep their small values exact.
    product = _root(a, eps) @ _root(b, eps).T
    shared = float(np.linalg.svd(product, compute_uv=False).sum()) + eps * (D - a.shape[1])
    return Frechet(means, spreads[0], spreads[1], shared)


def _root(centred: Float64[np.ndarray, "n d"], eps: float) -> Float64[np.ndarray, "d d"]:
    """R with R.T @ R = covariance + eps."""
    value, vector = np.linalg.eigh(centred.T @ centred / (len(centred) - 1))
    return np.sqrt(np.maximum(value, 0) + eps)[:, None] * vector.T


def _checked(features: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    if features.ndim != 2 or len(features) < 2 or not features.shape[1]:
        raise UserError(
            f"expected at least 2 clips of at least 1 feature, got features of shape "
            f"{features.shape}; a spread needs two clips, a clip 4 frames of 5 x 5 points"
        )
    if not np.isfinite(features).all():
        raise UserError("expected finite features, got some that are not")
    return features.astype(np.float64)
