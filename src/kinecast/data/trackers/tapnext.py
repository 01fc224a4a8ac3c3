"""TAPNext (Zholus et al., arXiv 2504.05579), the PyTorch release.

The published call (the demo notebook of google-deepmind/tapnet): `TAPNext(image_size=(256, 256))`
with the weights; the first frame with all queries, `network(video=frame, query_points=queries)`,
then `network(video=frame, state=state)` frame by frame, with frames (1, 1, 256, 256, 3) of -1 to 1
and queries (1, N, 3) of (t, y, x). Each call gives tracks (1, 1, N, 2) as (y, x), logits of the
bins, visibility (1, 1, N, 1) before the sigmoid, and the state.

It is causal and keeps one state of fixed size, so that memory is flat without windows; its authors
say that it drifts after some 150 frames.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from kinecast.core import coords
from kinecast.data.trackers import tapvid_input
from kinecast.data.trackers.base import Estimate, Follow, frame_by_frame
from kinecast.data.trackers.clone import Published, array, filled
from kinecast.data.trackers.windows import check_answer

VISIBLE = 0.5


class TapNextFollower:
    """Follows points with the network's own state."""

    def __init__(
        self,
        network: Any,
        where: torch.device,
        frame: UInt8[np.ndarray, "h w 3"],
        xy: Float32[np.ndarray, "n 2"],
    ) -> None:
        self._network, self._where = network, where
        size = frame.shape[1], frame.shape[0]
        at = np.zeros(len(xy), np.int64)
        first = self._ask(frame, query_points=tapvid_input.queries(xy, at, size, where))
        check_answer(first.xy, xy, first.confidence)

    def step(self, frame: UInt8[np.ndarray, "h w 3"]) -> Estimate:
        """Positions in the next frame."""
        return self._ask(frame, state=self._state)

    @torch.no_grad()
    def _ask(self, frame: UInt8[np.ndarray, "h w 3"], **given: Any) -> Estimate:
        size = frame.shape[1], frame.shape[0]
        picture = tapvid_input.video(frame[None], self._where)
        yx, _, visible, self._state = self._network(video=picture, **given)
        xy = coords.resize(array(yx)[0, 0, :, ::-1], tapvid_input.SIZE, size)
        share = array(visible.sigmoid()).reshape(-1)
        return Estimate(xy, share > VISIBLE, share)


def _build(module: ModuleType, weights: Path, where: torch.device) -> Any:
    return filled(module.TAPNext(image_size=tapvid_input.SIZE), weights, where)


def _follow(network: Any, where: torch.device) -> Follow:
    return frame_by_frame(lambda frame, xy: TapNextFollower(network, where, frame, xy))


TAPNEXT = Published(
    name="tapnext",
    title="TAPNext",
    licence=tapvid_input.LICENCE,
    repository=tapvid_input.REPOSITORY,
    module="tapnet.tapnext.tapnext_torch",
    weights="bootstapnext.pth of https://huggingface.co/google/tapnet",
    convention=tapvid_input.CONVENTION,
    thresholds={"visible": VISIBLE},
    build=_build,
    follow=_follow,
)
