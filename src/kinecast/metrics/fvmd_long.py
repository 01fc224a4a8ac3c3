"""FVMD-Long: FVMD with each whole forecast as one window.

Source: TrajLoom (arXiv 2603.22606), table 5, which prints it x 10^-3.
"""

from collections.abc import Iterable

from kinecast.core.field import Field
from kinecast.metrics.fvmd import FVMD
from kinecast.metrics.fvmd_tracks import fvmd_tracks


def fvmd_long(pairs: Iterable[tuple[Field, Field]]) -> FVMD:
    """`fvmd_tracks` of (forecast, truth) pairs with one window a video, of all its frames.

    81 frames of a 15 x 26 grid give 4,800 features a video, far more than there are videos; frames
    beyond the last whole block of 4 are left out.
    """
    return fvmd_tracks(pairs, length=None)
