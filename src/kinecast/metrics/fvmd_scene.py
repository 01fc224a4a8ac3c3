"""FVMD(S): FVMD between the many futures generated and simulated for one scene, over scenes.

Source: What Happens Next? (arXiv 2509.21592), section 4: "image-wise" FVMD, of 16 scenes with 64
futures each. No code was published; the mean over scenes is our reading.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError
from kinecast.metrics.fvmd import FVMD, distance, features


class Scenes(NamedTuple):
    """FVMD of each scene, and the plain mean over scenes."""

    each: list[FVMD]
    mean: FVMD


def fvmd_scene(
    generated: Float[np.ndarray, "s k t n 2"], reference: Float[np.ndarray, "s g t n 2"]
) -> Scenes:
    """FVMD(S) of S scenes, each with K generated futures and G true ones of a square grid.

    Args:
        generated, reference: pixels xy of a 256 x 256 frame in the published setting; `fvmd` takes
            all scenes' futures as one set.

    Raises:
        UserError: other numbers of scenes, and as `fvmd`.
    """
    if len(generated) != len(reference) or not len(generated):
        raise UserError(
            f"expected futures of the same scenes, got {len(generated)} and {len(reference)} scenes"
        )
    each = [
        distance(features(ours), features(theirs))
        for ours, theirs in zip(generated, reference, strict=True)
    ]
    return Scenes(each, FVMD(*(float(x) for x in np.mean(each, axis=0))))
