"""AllTracker (Harley et al., ICCV 2025): dense flow from one frame to every other.

The published call: `Net(16)`, then `flow, sure, _, _ = net.forward_sliding(video, iters=4, sw=None,
is_training=False)` with video (1, T, 3, H, W) of 0 to 255; flow (1, T, 2, H, W) is the xy
displacement of every pixel of frame 0 in every frame, sure (1, T, 2, H, W) its visibility and
confidence, 0 to 1. Pixel centres are integers: the flow is read bilinearly at a point less half a
pixel. Sides are multiples of 8: frames are resized to the nearest, and points with them.

All points of one query frame share one call; a window asks once for each query frame there is.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.data.trackers.base import Follow
from kinecast.data.trackers.clone import Published, array, filled, resized
from kinecast.data.trackers.dis import sample
from kinecast.data.trackers.windows import OVERLAP, SHORTEST, WINDOW, Answer, in_windows

WINDOW_LENGTH = 16  # of its own sliding windows, as published
REFINEMENTS = 4
SIDE = 8  # sides are multiples of it
VISIBLE = 0.5  # of visibility times confidence


def _build(module: ModuleType, weights: Path, where: torch.device) -> Any:
    return filled(module.Net(WINDOW_LENGTH), weights, where)


def _follow(network: Any, where: torch.device) -> Follow:
    @torch.no_grad()
    def dense(frames: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Flow and certainty (H, W, 2) from frame 0 to every frame."""
        fill = frames[-1:].repeat(max(0, SHORTEST - len(frames)), axis=0)  # it refuses some counts
        held = torch.from_numpy(np.concatenate([frames, fill])).to(where)
        flow, sure, *_ = network.forward_sliding(
            held.permute(0, 3, 1, 2)[None].float(), iters=REFINEMENTS, sw=None, is_training=False
        )
        for t in range(len(frames)):
            yield array(flow[0, t].permute(1, 2, 0)), array(sure[0, t].permute(1, 2, 0))

    def ask(frames: np.ndarray, xy: np.ndarray, at: np.ndarray) -> Answer:
        working = frames.shape[2], frames.shape[1]
        size = _network_size(working)
        pictures, points = resized(frames, size), coords.resize(xy, working, size)
        found = np.repeat(points[None], len(frames), axis=0)
        share = np.zeros((len(frames), len(xy)), np.float32)
        for start in np.unique(at):
            mine = at == start
            for t, (flow, sure) in enumerate(dense(pictures[start:]), start):
                found[t, mine] = points[mine] + sample(flow, points[mine])
                share[t, mine] = sample(sure, points[mine]).prod(-1)
        return Answer(coords.resize(found, size, working), share > VISIBLE, share)

    return in_windows(ask)


def _network_size(size: Size) -> Size:
    W, H = (max(SIDE, SIDE * round(side / SIDE)) for side in size)
    return W, H


ALLTRACKER = Published(
    name="alltracker",
    title="AllTracker",
    licence="MIT, code and weights",
    repository="https://github.com/aharley/alltracker",
    module="nets.alltracker",
    weights="alltracker.pth of https://huggingface.co/aharley/alltracker",
    convention="pixels xy, pixel centres at integers; +0.5 added",
    thresholds={"visible": VISIBLE, "window": WINDOW, "overlap": OVERLAP},
    build=_build,
    follow=_follow,
)
