"""Best-of-K: the nearest of all pairs of K generated and G true futures of one scene.

Falls as K and G grow; a still sample wins where one true future is nearly still. `nearest_sample`
asks instead that every true future have a sample near it.

Source: What Happens Next? (arXiv 2509.21592), section 4: the lowest MSE over all pairs, averaged
over scenes. No code was published, and whether coordinates are summed or averaged is not said:
both are here.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float, Float64

from kinecast.core.errors import UserError

# Mean over points and frames of: half the squared distance (the mean over both coordinates, as ATM
# and ZipMo compute MSE), the squared distance, the distance in pixels.
Measure = Literal["coord_mean", "sqdist", "distance"]


def best_of_k(
    generated: Float[np.ndarray, "k t n 2"],
    reference: Float[np.ndarray, "g t n 2"],
    measure: Measure = "coord_mean",
) -> float:
    """Lowest error of all pairs; pixels^2, or pixels of "distance". Errors: `pair_errors`."""
    return float(pair_errors(generated, reference, measure).min())


def nearest_sample(
    generated: Float[np.ndarray, "k t n 2"],
    reference: Float[np.ndarray, "g t n 2"],
    measure: Measure = "coord_mean",
) -> float:
    """Error of the nearest sample, averaged over the true futures. Errors: `pair_errors`."""
    return float(pair_errors(generated, reference, measure).min(axis=1).mean())


def pair_errors(
    generated: Float[np.ndarray, "k t n 2"],
    reference: Float[np.ndarray, "g t n 2"],
    measure: Measure = "coord_mean",
) -> Float64[np.ndarray, "g k"]:
    """Error of every pair.

    Args:
        generated, reference: pixels xy (256 x 256 frame in the published setting), every frame with
            the first one, where the error is 0.
        measure: see `Measure`.

    Raises:
        UserError: no future, other frames or points, or positions that are not finite.
    """
    if not generated.size or not reference.size or generated.shape[1:] != reference.shape[1:]:
        raise UserError(
            f"expected futures (K, T, N, 2) and (G, T, N, 2) of the same frames and points, got "
            f"{generated.shape} and {reference.shape}"
        )
    if not (np.isfinite(generated).all() and np.isfinite(reference).all()):
        raise UserError("expected finite positions, got some that are not; leave such points out")
    generated = generated.astype(np.float64)

    def to(one: np.ndarray) -> np.ndarray:
        squared = np.square(generated - one).sum(-1)
        error = np.sqrt(squared) if measure == "distance" else squared
        return error.mean(axis=(1, 2)) / (2 if measure == "coord_mean" else 1)

    return np.stack([to(one) for one in reference.astype(np.float64)])
