"""Video files made by the tests: frame t of N shows the number t as a shade of grey."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def shade(t: int) -> int:
    """The grey of frame t, far enough from its neighbours to survive any codec."""
    return 20 + 7 * (t % 30)


def frame_number(frame: np.ndarray, near: int) -> int:
    """Which frame, within 15 of `near`, a decoded frame is."""
    grey = frame[frame.shape[0] // 4 : -(frame.shape[0] // 4) or None].mean()
    candidates = range(max(0, near - 15), near + 15)
    return min(candidates, key=lambda t: abs(shade(t) - grey))


def write_clip(
    path: Path,
    codec: str = "libx264",
    *,
    frames: int = 40,
    size: tuple[int, int] = (64, 48),
    pix_fmt: str = "yuv420p",
    times: list[int] | None = None,
    turn: int = 0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """A grey video; `times` are presentation times in 1/25 s, `turn` the rotation in its header.

    A red square in the upper left corner tells which way is up.
    """
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        if turn:
            stream.set_display_rotation(turn)
        for t in range(frames):
            image = np.full((size[1], size[0], 3), shade(t), np.uint8)
            image[: size[1] // 4, : size[0] // 4] = (230, 10, 10)
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts = t if times is None else times[t]
            picture.time_base = Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path
