"""CoTracker3, offline (Karaev et al., arXiv 2410.11831).

The published call (its README and demo notebook): `CoTrackerPredictor(checkpoint=FILE)`, then
`tracks, visibility = predictor(video, queries=queries)` with video (1, T, 3, H, W) of 0 to 255 and
queries (1, N, 3) of (t, x, y); tracks (1, T, N, 2) are xy, visibility (1, T, N) is a flag.
Coordinates are pixels of the video given, whose integers are pixel centres: half a pixel is added.

It sees a clip at once; longer clips go in windows (see `windows`). It is asked for what comes after
each query; the way before the reference frame is asked for on reversed frames.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from kinecast.core import coords
from kinecast.data.trackers.base import Follow
from kinecast.data.trackers.clone import Published, array, state_of
from kinecast.data.trackers.windows import OVERLAP, WINDOW, Answer, in_windows

VISIBLE = 0.5  # of its flag, where a release gives a share


def _build(module: ModuleType, weights: Path, where: torch.device) -> Any:
    state_of(weights)  # refuses a file with code in it before the clone reads it
    return module.CoTrackerPredictor(checkpoint=str(weights)).eval().to(where)


def _follow(network: Any, where: torch.device) -> Follow:
    @torch.no_grad()
    def ask(frames: np.ndarray, xy: np.ndarray, at: np.ndarray) -> Answer:
        video = torch.from_numpy(frames).to(where).permute(0, 3, 1, 2)[None].float()
        query = np.concatenate([at[:, None], coords.to_pixel_centres(xy)], axis=1)
        queries = torch.from_numpy(query.astype(np.float32))[None].to(where)
        tracks, visibility = network(video, queries=queries)
        share = array(visibility).reshape(len(frames), len(xy))
        found = coords.from_pixel_centres(array(tracks)[0])
        return Answer(found, share > VISIBLE, share)

    return in_windows(ask)


COTRACKER = Published(
    name="cotracker",
    title="CoTracker3 (offline)",
    licence="CC BY-NC 4.0, code and weights: not for commercial use",
    repository="https://github.com/facebookresearch/co-tracker",
    module="cotracker.predictor",
    weights="scaled_offline.pth of https://huggingface.co/facebook/cotracker3",
    convention="pixels xy, pixel centres at integers; +0.5 added",
    thresholds={"visible": VISIBLE, "window": WINDOW, "overlap": OVERLAP},
    build=_build,
    follow=_follow,
)
