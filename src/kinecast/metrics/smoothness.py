"""How smooth the motion of a grid of points is, without reference to a truth.

A frozen forecast scores 0, the best: show these beside a displacement error.

Source: TrajLoom (arXiv 2603.22606), FlowTV and DivCurlE, as its evaluation code computes them: the
paper's DivCurlE divides by the stride twice, the code that made its tables once.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from kinecast.core.field import Field


def flow_tv(field: Field) -> float:
    """Total variation of the per-frame motion between grid neighbours (FlowTV).

    Mean over horizontally adjacent pairs of (|du| + |dv|) / stride, plus the same vertically, where
    the two points are seen in both frames; mean over the frames that have such pairs. Pixels a
    frame per pixel (the paper's tables show it x 100).

    Returns:
        A number >= 0; NaN where no pair is ever seen.
    """
    flow, valid = _flow(field)
    along_x, pair_x = _difference(flow, valid, axis=2, stride=field.stride)
    along_y, pair_y = _difference(flow, valid, axis=1, stride=field.stride)
    terms = np.stack(
        [
            _frame_means(np.abs(along_x).sum(-1), pair_x),
            _frame_means(np.abs(along_y).sum(-1), pair_y),
        ]
    )
    has_term = np.isfinite(terms).any(axis=0)
    return _mean(np.nansum(terms, axis=0)[has_term])


def divcurl_energy(field: Field) -> float:
    """Mean of divergence^2 + curl^2 of the per-frame motion (DivCurlE).

    Forward differences over the stride, on cells whose right and lower neighbours are seen in both
    frames; mean over cells, then over frames that have such cells (the paper's tables: x 1000).

    Returns:
        A number >= 0; NaN where no such cell is ever seen.
    """
    flow, valid = _flow(field)
    along_x, pair_x = _difference(flow, valid, axis=2, stride=field.stride)
    along_y, pair_y = _difference(flow, valid, axis=1, stride=field.stride)
    along_x, along_y = along_x[:, :-1].astype(np.float64), along_y[:, :, :-1].astype(np.float64)
    divergence = along_x[..., 0] + along_y[..., 1]
    curl = along_x[..., 1] - along_y[..., 0]
    frames = _frame_means(divergence**2 + curl**2, pair_x[:, :-1] & pair_y[:, :, :-1])
    return _mean(frames[np.isfinite(frames)])


def _flow(
    field: Field,
) -> tuple[Float32[np.ndarray, "t-1 h w 2"], Bool[np.ndarray, "t-1 h w"]]:
    known = field.visible & np.isfinite(field.xy).all(-1)
    xy = np.where(known[..., None], field.xy, np.float32(0))
    return np.diff(xy, axis=0), known[1:] & known[:-1]


def _difference(
    flow: Float32[np.ndarray, "t h w 2"], valid: Bool[np.ndarray, "t h w"], axis: int, stride: float
) -> tuple[np.ndarray, np.ndarray]:
    """Forward difference over the stride along a grid axis, and where both ends are valid."""
    n = valid.shape[axis]
    before, after = (np.take(valid, range(a, a + n - 1), axis) for a in (0, 1))
    return np.diff(flow, axis=axis) / np.float32(stride), before & after


def _frame_means(values: np.ndarray, mask: np.ndarray) -> Float64[np.ndarray, " t"]:
    """Mean over the masked cells of each frame, NaN where there is none."""
    count = mask.sum(axis=(1, 2))
    total = np.where(mask, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
