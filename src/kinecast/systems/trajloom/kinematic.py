"""Kinematic extrapolation: straight lines fitted to the last visible frames, with damping.

A point's future is `p + v * (d + d^2 + ... + d^t)` for a fit (p, v) and a damping d. No single
window and damping is right for every motion; `history.py` learns how to mix them.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

# (frames in the fit, damping). One frame is constant position; the others are what wins on some
# clip: short and strongly damped on hand-held video, long and undamped under a steady camera.
EXTRAPOLATORS: tuple[tuple[int, float], ...] = (
    (1, 1.0),
    (2, 0.9),
    (4, 0.7),
    (4, 0.9),
    (8, 0.9),
    (8, 0.98),
    (16, 0.95),
    (16, 1.0),
    (32, 0.98),
)


def fit_line(
    xy: Float[Tensor, "b t n 2"], visible: Bool[Tensor, "b t n"], window: int
) -> tuple[Float[Tensor, "b n 2"], Float[Tensor, "b n 2"]]:
    """Least-squares line through the last `window` visible frames of each point.

    Only the last `4 * window` frames count: older evidence says little about the velocity now.

    Returns:
        Position at the last frame and velocity per frame. With one visible frame the velocity is 0;
        with none the position is the last entry of `xy`, seen or not.
    """
    xy, visible = xy[:, -4 * window :], visible[:, -4 * window :]
    T = xy.shape[1]
    seen = visible.to(xy.dtype)
    rank = seen.flip(1).cumsum(1).flip(1)  # 1 at the last visible frame, 2 at the one before, ...
    weight = seen * (rank <= window)
    time = torch.arange(1 - T, 1, dtype=xy.dtype, device=xy.device)[None, :, None]
    count = weight.sum(1)
    t_mean = (weight * time).sum(1) / count.clamp(min=1)
    x_mean = (weight[..., None] * xy).sum(1) / count.clamp(min=1)[..., None]
    centred = weight * (time - t_mean[:, None])
    spread = (centred * (time - t_mean[:, None])).sum(1)
    slope = (centred[..., None] * (xy - x_mean[:, None])).sum(1) / spread.clamp(min=0.5)[..., None]
    position = torch.where(count[..., None] > 0, x_mean - slope * t_mean[..., None], xy[:, -1])
    return position, slope


def fit_lines(
    xy: Float[Tensor, "b t n 2"],
    visible: Bool[Tensor, "b t n"],
    extrapolators: Sequence[tuple[int, float]] = EXTRAPOLATORS,
) -> tuple[Float[Tensor, "b n e 2"], Float[Tensor, "b n e 2"]]:
    """Position and velocity of every extrapolator; windows that repeat are fitted once."""
    windows = {window: fit_line(xy, visible, window) for window in {w for w, _ in extrapolators}}
    fits = [windows[window] for window, _ in extrapolators]
    return torch.stack([p for p, _ in fits], dim=2), torch.stack([v for _, v in fits], dim=2)


def damped_time(
    frames: int, extrapolators: Sequence[tuple[int, float]] = EXTRAPOLATORS
) -> Float[Tensor, "e t"]:
    """d + d^2 + ... + d^t for t = 1..frames: how many frames of velocity each one travels."""
    powers = torch.arange(1, frames + 1, dtype=torch.float64)
    dampings = torch.tensor([d for _, d in extrapolators], dtype=torch.float64)
    return (dampings[:, None] ** powers).cumsum(1).float()
