"""MPEG-1 video, which a published layout (Flow Poke Transformer) stores."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

NOMINAL_FPS = 60  # MPEG-1 knows a few rates only; that layout states this one for any video


def write_mpeg1(path: Path, frames: Iterator[UInt8[np.ndarray, "h w 3"]], size: Size) -> None:
    """Write RGB frames as they come to an .mpg at the nominal rate.

    Args:
        path: the file, ending in .mpg.
        frames: uint8 (H, W, 3), each of `size`.
        size: (W, H), both even.

    Raises:
        UserError: another suffix, an odd size, or the file cannot be written.
    """
    W, H = size
    if path.suffix.lower() != ".mpg" or W % 2 or H % 2:
        raise UserError(f"expected a name ending in .mpg and an even size, got {path} and {W}x{H}")
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=NOMINAL_FPS)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
        stream.options = {"qscale": "2", "bf": "0"}
        stream.codec_context.qmin, stream.codec_context.qmax = 1, 4
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
