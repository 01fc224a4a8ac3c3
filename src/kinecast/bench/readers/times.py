"""From a method's steps to the case's frames: linear interpolation in time, by a stated rule.

Step 0 is the last seen moment; it is put before the outputs of methods that leave it out.

- `time=frames` (the default): a step is a frame of the case.
- `fps=NUMBER`: so many steps a second; the case's frame rate has to be known.
- `time=ends`: the duration is matched: the last step is the case's last frame (WHN, arXiv
  2509.21592, A.4: 16 frames to 24).
- `time=centres`: the duration is matched as ZipMo's evaluation does (arXiv 2604.11737): both are
  equal parts of one time, and values are taken at their centres.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64

from kinecast.bench.readers.base import RefusalError
from kinecast.bench.readers.options import Options
from kinecast.core.errors import UserError

RULES = ("frames", "ends", "centres")
_SLACK = 1e-6  # of a step: rounding of a frame rate


def places(
    steps: int, horizon: int, case_fps: float | None, options: Options, file_fps: float | None
) -> Float64[np.ndarray, " s"]:
    """Where the case's frames 1 .. `horizon` after the last seen one lie among the steps.

    Args:
        steps: of the method, the last seen moment among them as step 0.
        horizon: frames of the case.
        case_fps: frames a second of the case, or None.
        options: with `time` and `fps`.
        file_fps: steps a second as the files say, or None; `time` goes before it, `fps` instead.

    Raises:
        RefusalError: the outputs end before the case does, or go by seconds and the case's frame
            rate is not known.
        UserError: both `time` and `fps` are stated.
    """
    if "time" in options and "fps" in options:
        raise UserError(f"expected {options.what} with time= or fps=, got both")
    fps = None if "time" in options else options.number("fps", file_fps)
    frame = np.arange(1, horizon + 1, dtype=np.float64)
    if fps is not None:
        if case_fps is None:
            raise RefusalError(
                "the case's frame rate is not known, and the outputs go by seconds; "
                "time=frames, ends or centres goes without"
            )
        return _within(frame * (fps / case_fps), steps)
    rule = options.choice("time", RULES, "frames")
    if rule == "ends":
        return frame * ((steps - 1) / horizon)
    if rule == "centres":
        return ((frame + 0.5) * (steps / (horizon + 1)) - 0.5).clip(0, steps - 1)
    return _within(frame, steps)


def _within(place: Float64[np.ndarray, " s"], steps: int) -> Float64[np.ndarray, " s"]:
    if place[-1] > steps - 1 + _SLACK:
        raise RefusalError(
            "the outputs end before the case does; time=ends stretches them to its duration"
        )
    return place.clip(0, steps - 1)


def at_places(
    xy: Float32[np.ndarray, "k t n 2"], place: Float64[np.ndarray, " s"]
) -> Float32[np.ndarray, "k s n 2"]:
    """Positions between steps, on straight lines."""
    low = np.minimum(place.astype(np.int64), max(xy.shape[1] - 2, 0))
    high = np.minimum(low + 1, xy.shape[1] - 1)
    share = (place - low).astype(np.float32)[:, None, None]
    return (1 - share) * xy[:, low] + share * xy[:, high]


def flags_at(
    visible: Bool[np.ndarray, "k t n"], place: Float[np.ndarray, " s"]
) -> Bool[np.ndarray, "k s n"]:
    """Flags of the nearest step."""
    return visible[:, np.floor(place + 0.5).astype(np.int64)]
