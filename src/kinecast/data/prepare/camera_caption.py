"""How the camera moves, in words, from tracks.

Source: TrajLoom, appendix E.2: a robust global translation per frame; what remains is split into a
radial part (zoom) and a tangential part (roll) about the image centre; what jitters is a hand-held
score. Each of pan left / right, tilt up / down, zoom in / out and roll is slow, medium or fast; the
thresholds are ours, the paper gives none.

The words say what the camera does: in a pan to the right, the picture moves to the left.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Complex128, Float64

from kinecast.core import coords
from kinecast.core.tracks import Tracks

SPEEDS = ("slow", "medium", "fast")
# Least rate of each speed, a second: pan and tilt in frame diagonals, zoom in natural logarithms
# of the factor, roll in degrees; jitter in frame diagonals a frame.
PAN, ZOOM, ROLL = (0.012, 0.06, 0.2), (0.015, 0.06, 0.2), (1.5, 6.0, 20.0)
SHAKE = (0.0005, 0.0015, 0.004)
# Least that a motion adds up to in the clip, in the same units: a sway is no pan.
TRAVEL = {"pan": 0.03, "zoom": 0.03, "roll": 3.0}

_POINTS = 8  # a fit needs
_ROUNDS = 12  # of reweighting
_FPS = 24.0  # where the video states none
_SMOOTH = 0.5  # seconds: what is quicker is jitter


@dataclass(frozen=True)
class CameraMotion:
    """How the camera moved in a clip.

    Attributes:
        words: such as ("slow pan right", "fast zoom in"); ("static",) if it did not move; empty if
            too few points are seen to tell.
        rates: mean rate of each direction, in the units of the thresholds.
    """

    words: tuple[str, ...]
    rates: dict[str, float]

    def append_to(self, caption: str) -> str:
        """The caption with the phrase at its end."""
        parts = [part for part in (caption.rstrip(" .,;"), ", ".join(self.words)) if part]
        return f"{', '.join(parts)}." if self.words else caption

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"words": list(self.words), "rates": self.rates}


def camera_motion(tracks: Tracks) -> CameraMotion:
    """The camera's motion, told by what most of the points do."""
    shift, turn, known = _fit(tracks)
    if known.sum() < max(1, (len(tracks) - 1) // 2):
        return CameraMotion((), {})
    fps = tracks.fps or _FPS
    diagonal = coords.diagonal(tracks.size)
    # of the picture, a second; holes are bridged
    signals = {
        "x": _bridged(shift.real / diagonal, known) * fps,
        "y": _bridged(shift.imag / diagonal, known) * fps,
        "zoom": _bridged(turn.real, known) * fps,
        "roll": np.rad2deg(_bridged(turn.imag, known)) * fps,
    }
    width = max(1, round(_SMOOTH * fps))
    trend = {name: _smooth(values, width) for name, values in signals.items()}
    seconds = len(tracks) / fps
    rates: dict[str, float] = {}
    words: list[str] = []
    # name: signal, sign of it in the picture, thresholds, least travel
    for name, signal, sign, limits, travel in (
        ("pan left", "x", 1, PAN, TRAVEL["pan"]),
        ("pan right", "x", -1, PAN, TRAVEL["pan"]),
        ("tilt up", "y", 1, PAN, TRAVEL["pan"]),
        ("tilt down", "y", -1, PAN, TRAVEL["pan"]),
        ("zoom in", "zoom", 1, ZOOM, TRAVEL["zoom"]),
        ("zoom out", "zoom", -1, ZOOM, TRAVEL["zoom"]),
        ("roll clockwise", "roll", -1, ROLL, TRAVEL["roll"]),
        ("roll counter-clockwise", "roll", 1, ROLL, TRAVEL["roll"]),
    ):
        rate = float(np.maximum(sign * trend[signal], 0).mean())
        rates[name] = round(rate, 5)
        if rate * seconds >= travel and (speed := _speed(rate, limits)):
            words.append(f"{speed} {name}")
    shake = np.hypot(signals["x"] - trend["x"], signals["y"] - trend["y"]) / fps
    rates["hand-held"] = round(float(np.sqrt(np.mean(np.square(shake)))), 6)
    if speed := _speed(rates["hand-held"], SHAKE):
        words.append(f"{speed} hand-held")
    return CameraMotion(tuple(words) or ("static",), rates)


def _fit(
    tracks: Tracks,
) -> tuple[Complex128[np.ndarray, " t"], Complex128[np.ndarray, " t"], np.ndarray]:
    """Of each pair of frames: shift (pixels) and turn (zoom + i * angle) at the image centre.

    The similarity d = shift + turn * p of displacements d and positions p, as complex numbers, by
    least squares reweighted with Tukey's biweight: what moves by itself has no vote.
    """
    centre = (tracks.size[0] + 1j * tracks.size[1]) / 2
    z = tracks.xy[..., 0].astype(np.float64) + 1j * tracks.xy[..., 1]
    z = np.where(tracks.visible, z, centre) - centre
    p, d = z[:-1], z[1:] - z[:-1]
    use = tracks.visible[:-1] & tracks.visible[1:]
    known = use.sum(1) >= _POINTS
    median = _median(d.real, use) + 1j * _median(d.imag, use)
    shift, turn = median, np.zeros_like(median)
    for _ in range(_ROUNDS):
        off = np.abs(d - shift[:, None] - turn[:, None] * p)
        scale = np.maximum(1.4826 * _median(off, use), 0.05)  # pixels: tracks are no finer
        u = off / (4.685 * scale[:, None])
        w = np.where(use & (u < 1), np.square(1 - np.square(np.minimum(u, 1))), 0.0)
        total = np.maximum(w.sum(1), 1e-9)
        p0, d0 = (w * p).sum(1) / total, (w * d).sum(1) / total
        q = p - p0[:, None]
        spread = np.maximum((w * np.abs(q) ** 2).sum(1), 1e-9)
        turn = (w * np.conj(q) * (d - d0[:, None])).sum(1) / spread
        shift = d0 - turn * p0
    return shift, turn, known


def _median(values: Float64[np.ndarray, "t n"], use: np.ndarray) -> Float64[np.ndarray, " t"]:
    """Of the used values of each row; 0 where there are none."""
    ordered = np.sort(np.where(use, values, np.inf), axis=1)
    count = use.sum(1)
    middle = np.maximum(count - 1, 0) // 2
    found = ordered[np.arange(len(ordered)), middle]
    return np.where(count > 0, found, 0.0)


def _bridged(values: np.ndarray, known: np.ndarray) -> Float64[np.ndarray, " t"]:
    at = np.arange(len(values))
    return np.interp(at, at[known], values[known])


def _smooth(values: np.ndarray, width: int) -> Float64[np.ndarray, " t"]:
    """Moving average; at the ends, of what there is."""
    kernel = np.ones(min(width, len(values)))
    ones = np.convolve(np.ones(len(values)), kernel, "same")
    return np.convolve(values, kernel, "same") / ones


def _speed(rate: float, limits: tuple[float, float, float]) -> str:
    """Slow, medium or fast; "" where it is none of them."""
    reached = sum(rate >= limit for limit in limits)
    return SPEEDS[reached - 1] if reached else ""
