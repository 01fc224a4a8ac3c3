"""What the TAP-Vid networks take: 256x256 frames of -1 to 1, queries (t, y, x).

Their coordinates are edge-aligned ("raster": the README of google-deepmind/tapnet), pixels of the
256x256 frame: points are scaled with the frames, each axis by its own factor, and nothing is added.
"""

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.data.trackers.clone import resized

SIZE: Size = (256, 256)  # that they were trained on
CONVENTION = "edge-aligned pixels of the frame resized to 256x256, queries (t, y, x); scaled back"
LICENCE = "Apache 2.0, code and weights"
REPOSITORY = "https://github.com/google-deepmind/tapnet"


def video(
    frames: UInt8[np.ndarray, "t h w 3"], where: torch.device
) -> Float[Tensor, "1 t 256 256 3"]:
    """Frames as the networks take them."""
    return torch.from_numpy(resized(frames, SIZE)).to(where)[None].float() / 127.5 - 1


def queries(
    xy: Float32[np.ndarray, "n 2"], at: Int64[np.ndarray, " n"], size: Size, where: torch.device
) -> Float[Tensor, "1 n 3"]:
    """(t, y, x) of points of a frame of `size`."""
    yx = coords.resize(xy, size, SIZE)[:, ::-1]
    return torch.from_numpy(np.concatenate([at[:, None], yx], 1).astype(np.float32))[None].to(where)
