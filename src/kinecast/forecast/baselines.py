"""The trivial opponents, behind one interface: (history, horizon) -> future.

Every forecast of a model is shown beside all of these, and its errors over those of one opponent:
the baseline that was best on validation clips of that kind of data (`bench.baselines` measures it),
never the best on the clip at hand.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float64, Int

from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.forecast.guess import fill_hidden, nearest_seen

Baseline = Callable[[Tracks, int], Tracks]

WINDOWS = (2, 4, 8, 16)
DAMPINGS = (0.7, 0.8, 0.9, 0.95, 0.98)
ROUNDS = 8  # of reweighting
TINY = 1e-6  # pixels a frame: below it all points agree

# Kind of data -> its opponent: the lowest mean ADE on validation clips, 81 -> 81 and 24 -> 24
# frames together, as measured by `kinecast bench opponents --fetch`.
OPPONENTS = {"synthetic": "damped_2_0.8", "real": "damped_8_0.9"}


def constant_position(history: Tracks, horizon: int) -> Tracks:
    """Every point stays where it was last seen."""
    return _from_last_seen(history, horizon, np.zeros((history.count, 2)), 1.0)


def constant_velocity(history: Tracks, horizon: int) -> Tracks:
    """Every point keeps the step between the last two frames in which it was seen."""
    return linear(history, horizon, window=2)


def linear(history: Tracks, horizon: int, window: int, damping: float = 1.0) -> Tracks:
    """Straight on from where a point was last seen, slowing by `damping` a frame.

    The velocity is that of a least-squares line through the last `window` frames in which the point
    was seen; a point seen once stays. After e frames it has travelled v (d + d^2 + ... + d^e).
    """
    slope = velocities(history, window)
    return _from_last_seen(history, horizon, slope, damping)


def velocities(history: Tracks, window: int) -> Float64[np.ndarray, "n 2"]:
    """Pixels a frame: least-squares lines through the last `window` frames a point was seen in.

    Zero for a point that was seen once or never.
    """
    T = len(history)
    seen = history.visible
    rank = np.cumsum(seen[::-1], axis=0)[::-1]  # 1 at the last visible frame, 2 at the one before
    weight = (seen & (rank <= window)).astype(np.float64)
    time = np.arange(T, dtype=np.float64)[:, None]
    count = np.maximum(weight.sum(0), 1)
    centred = weight * (time - (weight * time).sum(0) / count)
    xy = fill_hidden(history).astype(np.float64)
    spread = (centred * time).sum(0)
    slope: np.ndarray = np.einsum("tn,tnc->nc", centred, xy) / np.maximum(spread, 0.5)[:, None]
    return slope


def affine(history: Tracks, horizon: int, window: int, damping: float) -> Tracks:
    """Every point moves with the camera: one affine velocity field for all of them, slowing.

    v(p) = A p + b is fitted to the points' velocities (those of `linear`) with Cauchy weights, so
    that what moves by itself has little say, and followed from where each point was last seen.
    """
    last, _ = nearest_seen(history.visible)
    here = fill_hidden(history)[-1].astype(np.float64)
    centre = here.mean(axis=0)
    seen, twice = last[-1] >= 0, history.visible.sum(axis=0) > 1
    field = _affine_field(here - centre, velocities(history, window), twice)
    hidden = _hidden_frames(history)
    steps = horizon + int(hidden.max(initial=0))
    path = np.empty((steps + 1, history.count, 2))
    path[0] = here
    for e in range(1, steps + 1):
        step = damping**e * (_homogeneous(path[e - 1] - centre) @ field)
        path[e] = path[e - 1] + seen[:, None] * step
    frames = np.arange(1, horizon + 1)[:, None] + hidden
    return _future(history, path[frames, np.arange(history.count)])


def _affine_field(
    xy: Float64[np.ndarray, "n 2"],
    velocity: Float64[np.ndarray, "n 2"],
    known: Bool[np.ndarray, " n"],
) -> Float64[np.ndarray, "3 2"]:
    """Least squares with weights 1 / (1 + (residual / scale)^2), the scale a median's.

    It begins with the median velocity: a plain fit would begin between two motions, and stay there.
    """
    field = np.zeros((3, 2))
    if not known.any():
        return field
    field[2] = np.median(velocity[known], axis=0)
    points = _homogeneous(xy)
    for _ in range(ROUNDS):
        residual = np.linalg.norm(velocity - points @ field, axis=1)
        scale = 2 * np.median(residual[known]) + TINY
        root = np.sqrt(known / (1 + (residual / scale) ** 2))[:, None]
        field = np.linalg.lstsq(root * points, root * velocity, rcond=None)[0]
    return field


def _homogeneous(xy: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 3"]:
    return np.concatenate([xy, np.ones((len(xy), 1))], axis=1)


def kalman(history: Tracks, horizon: int, q: float, damping: float = 1.0) -> Tracks:
    """A constant-velocity Kalman filter over the visible frames, then damped extrapolation.

    Args:
        history: what was observed; hidden frames are predicted through.
        horizon: frames to forecast.
        q: variance of the random acceleration over that of the measurement, both per frame.
        damping: factor on the velocity, a frame.
    """
    xy = fill_hidden(history).astype(np.float64)
    first = np.argmax(history.visible, axis=0)
    position, velocity = xy[first, np.arange(history.count)], np.zeros((history.count, 2))
    # Covariance [[a, b], [b, c]] in units of the measurement's variance; the same in x and y.
    a, b, c = np.ones(history.count), np.zeros(history.count), np.full(history.count, 1e3)
    for t in range(len(history)):
        started = t > first
        position = np.where(started[:, None], position + velocity, position)
        a, b, c = (
            np.where(started, a + 2 * b + c + q / 4, a),
            np.where(started, b + c + q / 2, b),
            np.where(started, c + q, c),
        )
        update = started & history.visible[t]
        gain = np.where(update, a / (a + 1), 0.0), np.where(update, b / (a + 1), 0.0)
        surprise = xy[t] - position
        position = position + gain[0][:, None] * surprise
        velocity = velocity + gain[1][:, None] * surprise
        a, b, c = (1 - gain[0]) * a, (1 - gain[0]) * b, c - gain[1] * b
    return _extrapolate(history, horizon, position, velocity, damping)


def baselines() -> dict[str, Baseline]:
    """Every trivial opponent by name."""
    table: dict[str, Baseline] = {
        "constant_position": constant_position,
        "constant_velocity": constant_velocity,
    }
    for window in WINDOWS[1:]:  # a line through two frames is constant velocity
        table[f"linear_{window}"] = partial(linear, window=window)
    for window in WINDOWS:
        for damping in DAMPINGS:
            table[f"damped_{window}_{damping}"] = partial(linear, window=window, damping=damping)
    for damping in DAMPINGS:
        table[f"affine_4_{damping}"] = partial(affine, window=4, damping=damping)
    for q in (0.1, 1.0):
        table[f"kalman_{q:g}"] = partial(kalman, q=q)
        table[f"kalman_{q:g}_0.9"] = partial(kalman, q=q, damping=0.9)
    return table


def forecast(name: str, history: Tracks, horizon: int) -> Tracks:
    """The forecast of one baseline for every point, `horizon` frames.

    Visible: inside the frame, for points that were seen in the history at all.

    Raises:
        UserError: an unknown name, or a horizon below 1.
    """
    table = baselines()
    if name not in table:
        raise UserError(f"expected a baseline of {', '.join(table)}, got {name!r}")
    return table[name](history, horizon)


def _from_last_seen(
    history: Tracks, horizon: int, velocity: Float64[np.ndarray, "n 2"], damping: float
) -> Tracks:
    position = fill_hidden(history)[-1].astype(np.float64)
    return _extrapolate(history, horizon, position, velocity, damping, _hidden_frames(history))


def _hidden_frames(history: Tracks) -> Int[np.ndarray, " n"]:
    """Frames since each point was last seen; 0 for one never seen, which is held where it is."""
    last, _ = nearest_seen(history.visible)
    return np.where(last[-1] >= 0, len(history) - 1 - last[-1], 0)


def _extrapolate(
    history: Tracks,
    horizon: int,
    position: Float64[np.ndarray, "n 2"],
    velocity: Float64[np.ndarray, "n 2"],
    damping: float,
    elapsed: Int[np.ndarray, " n"] | int = 0,
) -> Tracks:
    """From `position`, held `elapsed` frames before the last one, to frames 1 .. `horizon`."""
    if horizon < 1:
        raise UserError(f"expected a horizon of at least 1 frame, got {horizon}")
    frames = np.arange(1, horizon + 1)[:, None] + elapsed
    travelled = np.cumsum(damping ** np.arange(1.0, frames.max() + 1))[frames - 1]
    return _future(history, position + travelled[..., None] * velocity)


def _future(history: Tracks, xy: Float64[np.ndarray, "t n 2"]) -> Tracks:
    xy = xy.astype(np.float32)
    return replace(
        history,
        xy=xy,
        visible=coords.inside(xy, history.size) & history.visible.any(axis=0),
        query_frame=np.full(history.count, -1),
        confidence=None,
    )
