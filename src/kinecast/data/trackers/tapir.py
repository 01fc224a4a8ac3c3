"""BootsTAPIR (Doersch et al., ACCV 2024), the PyTorch release.

The published call (the demo notebook of google-deepmind/tapnet): `TAPIR(pyramid_level=1)` with the
weights, then `network(video, queries)` with video (1, T, 256, 256, 3) of -1 to 1 and queries
(1, N, 3) of (t, y, x); it gives tracks (1, N, T, 2) as xy and, before the sigmoid, occlusion and
expected_dist (1, N, T). A point is visible where (1 - occlusion) * (1 - expected_dist) > 0.5.

It sees a clip at once, before and after the query; longer clips go in windows (see `windows`).
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from kinecast.core import coords
from kinecast.data.trackers import tapvid_input
from kinecast.data.trackers.base import Follow
from kinecast.data.trackers.clone import Published, array, filled
from kinecast.data.trackers.windows import OVERLAP, WINDOW, Answer, in_windows

VISIBLE = 0.5


def _build(module: ModuleType, weights: Path, where: torch.device) -> Any:
    return filled(module.TAPIR(pyramid_level=1), weights, where)


def _follow(network: Any, where: torch.device) -> Follow:
    @torch.no_grad()
    def ask(frames: np.ndarray, xy: np.ndarray, at: np.ndarray) -> Answer:
        size = frames.shape[2], frames.shape[1]
        out = network(tapvid_input.video(frames, where), tapvid_input.queries(xy, at, size, where))
        found = coords.resize(array(out["tracks"])[0].swapaxes(0, 1), tapvid_input.SIZE, size)
        clear = (1 - out["occlusion"].sigmoid()) * (1 - out["expected_dist"].sigmoid())
        share = array(clear)[0].T
        return Answer(found, share > VISIBLE, share)

    return in_windows(ask)


TAPIR = Published(
    name="tapir",
    title="BootsTAPIR",
    licence=tapvid_input.LICENCE,
    repository=tapvid_input.REPOSITORY,
    module="tapnet.torch.tapir_model",
    weights="bootstapir_checkpoint_v2.pt of https://huggingface.co/google/tapnet",
    convention=tapvid_input.CONVENTION,
    thresholds={"visible": VISIBLE, "window": WINDOW, "overlap": OVERLAP},
    build=_build,
    follow=_follow,
)
