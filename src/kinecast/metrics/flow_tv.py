"""FlowTV: how much the motion of neighbours differs, without reference to a truth.

A frozen forecast scores 0, the best: show it beside a displacement error, or use
`motion_normalised`.

Source: TrajLoom (arXiv 2603.22606), section 4, and its evaluation code.
"""

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.grid_flow import difference, flow, frame_means


def flow_tv(field: Field) -> float:
    """Total variation of the motion a frame between grid neighbours.

    Mean over horizontally adjacent pairs of (|du| + |dv|) / stride, plus the same vertically, where
    the two points are seen in both frames; mean over the frames that have such pairs. Pixels a
    frame per pixel (the paper's tables: x 100; of several videos, the mean of their values).

    Returns:
        A number >= 0.

    Raises:
        UserError: a single frame, or no pair of neighbours seen in two frames in a row.
    """
    motion = flow(field)
    along_x, pair_x = difference(motion, axis=2, stride=field.stride)
    along_y, pair_y = difference(motion, axis=1, stride=field.stride)
    terms = np.stack(
        [
            frame_means(np.abs(along_x).sum(-1), pair_x),
            frame_means(np.abs(along_y).sum(-1), pair_y),
        ]
    )
    has_term = np.isfinite(terms).any(axis=0)
    if not has_term.any():
        raise UserError("expected neighbours that are seen in two frames in a row, got none")
    return float(np.nansum(terms, axis=0)[has_term].mean())
