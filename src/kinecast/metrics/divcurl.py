"""DivCurlE: how much the motion of a grid spreads and turns locally, without reference to a truth.

A frozen forecast scores 0, the best: show it beside a displacement error, or use
`motion_normalised`.

Source: TrajLoom (arXiv 2603.22606), section 4, and its evaluation code.
"""

from typing import Literal

import numpy as np

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.metrics.grid_flow import difference, flow, frame_means

# The paper's formula divides by the stride twice; the code that made its tables divides once.
Scaling = Literal["code", "paper"]


def divcurl_energy(field: Field, scaling: Scaling = "code") -> float:
    """Mean of divergence^2 + curl^2 of the motion a frame.

    Forward differences over the stride, on cells whose right and lower neighbours are seen in both
    frames; mean over cells, then over frames that have such cells. 1 / frame^2 (the paper's tables:
    x 1000, of "code"; of several videos, the mean of their values).

    Args:
        field: at least 2 x 2 points.
        scaling: "paper" divides by stride^2 once more, 1 / (frame pixel)^2.

    Returns:
        A number >= 0.

    Raises:
        UserError: a single frame, or no cell seen in two frames in a row.
    """
    motion = flow(field)
    along_x, pair_x = difference(motion, axis=2, stride=field.stride)
    along_y, pair_y = difference(motion, axis=1, stride=field.stride)
    along_x, along_y = along_x[:, :-1].astype(np.float64), along_y[:, :, :-1].astype(np.float64)
    divergence = along_x[..., 0] + along_y[..., 1]
    curl = along_x[..., 1] - along_y[..., 0]
    frames = frame_means(divergence**2 + curl**2, pair_x[:, :-1] & pair_y[:, :, :-1])
    frames = frames[np.isfinite(frames)]
    if not frames.size:
        raise UserError(
            "expected cells whose right and lower neighbours are seen in two frames in a row, "
            f"got none on a grid of {field.xy.shape[1]} x {field.xy.shape[2]}"
        )
    return float(frames.mean()) / (field.stride**2 if scaling == "paper" else 1)
