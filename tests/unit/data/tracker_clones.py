"""Small clones of published trackers: their modules and calls, with networks that know the answer.

Frame t of the test video is of grey level t everywhere, so that a network can tell which frames it
was given; every point moves by VELOCITY network pixels a frame. Each network checks its input
against the published convention.
"""

from pathlib import Path

import numpy as np
import torch

from kinecast.core.video import ArraySource, Video

VELOCITY = (0.25, -0.125)  # network pixels a frame
SIZE = (96, 64)  # 2 rows and 5 columns of points
HIDDEN = range(30, 33)  # frames in which every point is hidden

_HEAD = f"""
import torch
from torch import nn
V = torch.tensor({VELOCITY})
HIDDEN = torch.tensor({list(HIDDEN)})
LONGEST = 60
"""

_COTRACKER = """
class CoTrackerPredictor(nn.Module):
    def __init__(self, checkpoint):
        super().__init__()
        self.bias = nn.Parameter(torch.load(checkpoint, weights_only=True)["bias"])

    def forward(self, video, queries):
        B, T, C, H, W = video.shape
        assert (B, C) == (1, 3) and video.dtype == torch.float32 and 16 <= T <= LONGEST
        frame = video[0, :, 0, 0, 0].round()
        t, xy = queries[0, :, 0].long(), queries[0, :, 1:]
        laid = xy - frame[t, None] * V  # on a frame that is a multiple of 8
        assert torch.allclose(laid, laid.round(), atol=1e-3)  # on pixel centres
        assert len(xy[:, 0].round(decimals=2).unique()) > 2
        tracks = xy + (frame[:, None, None] - frame[t][None, :, None]) * V
        visible = ~torch.isin(frame, HIDDEN)[:, None].expand(T, len(xy))
        return tracks[None] + self.bias, visible[None]
"""

_ALLTRACKER = """
class Net(nn.Module):
    def __init__(self, seqlen):
        super().__init__()
        assert seqlen == 16
        self.bias = nn.Parameter(torch.zeros(1))

    def forward_sliding(self, images, iters, sw, is_training):
        B, T, C, H, W = images.shape
        assert (B, C, H % 8, W % 8, is_training) == (1, 3, 0, 0, False)
        assert images.dtype == torch.float32 and 16 <= T <= LONGEST
        frame = images[0, :, 0, 0, 0].round()
        flow = ((frame - frame[0])[:, None] * V)[:, :, None, None].repeat(1, 1, H, W)
        seen = (~torch.isin(frame, HIDDEN)).float()[:, None, None, None].expand(T, 2, H, W)
        return flow[None] + self.bias, seen[None], None, None
"""

_TAPIR = """
class TAPIR(nn.Module):
    def __init__(self, pyramid_level):
        super().__init__()
        assert pyramid_level == 1
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, video, query_points):
        assert video.shape[2:] == (256, 256, 3) and 16 <= video.shape[1] <= LONGEST
        assert -1 <= video.min() and video.max() <= 1
        frame = ((video[0, :, 0, 0, 0] + 1) * 127.5).round()
        t, yx = query_points[0, :, 0].long(), query_points[0, :, 1:]
        assert len(yx[:, 0].round(decimals=1).unique()) == 2
        moved = (frame[None, :] - frame[t][:, None])[..., None] * V
        logit = torch.where(torch.isin(frame, HIDDEN), 9.0, -9.0).expand(len(yx), -1)
        tracks = yx.flip(-1)[:, None] + moved + self.bias
        return {"tracks": tracks[None], "occlusion": logit[None], "expected_dist": logit[None]}
"""

_TAPNEXT = """
class TAPNext(nn.Module):
    def __init__(self, image_size):
        super().__init__()
        assert image_size == (256, 256)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, video, query_points=None, state=None):
        assert video.shape == (1, 1, 256, 256, 3)
        frame = ((video[0, 0, 0, 0, 0] + 1) * 127.5).round()
        if state is None:
            assert len(query_points[0, :, 1].round(decimals=1).unique()) == 2
            assert (query_points[..., 0] == 0).all()
            state = frame, query_points[0, :, 1:]
        else:
            assert query_points is None
        laid, yx = state
        tracks = yx + (frame - laid) * V.flip(0) + self.bias
        logit = torch.where(torch.isin(frame, HIDDEN), -9.0, 9.0).expand(1, 1, len(yx), 1)
        return tracks[None, None], None, logit, state
"""

CLONES = {
    "cotracker": ("cotracker/predictor.py", _COTRACKER),
    "alltracker": ("nets/alltracker.py", _ALLTRACKER),
    "tapir": ("tapnet/torch/tapir_model.py", _TAPIR),
    "tapnext": ("tapnet/tapnext/tapnext_torch.py", _TAPNEXT),
}


def write_clone(folder: Path, name: str, swap: tuple[str, str] = ("", "")) -> tuple[Path, Path]:
    """(code, weights) of a clone; `swap` replaces one piece of its text by another."""
    file, text = CLONES[name]
    assert swap[0] in text
    path = folder / "code" / file
    path.parent.mkdir(parents=True)
    path.write_text(_HEAD + text.replace(*swap))
    torch.save({"bias": torch.zeros(1)}, folder / "weights.pth")
    return folder / "code", folder / "weights.pth"


def numbered_video(frames: int, size: tuple[int, int] = SIZE) -> Video:
    """Frame t is of grey level t."""
    level = np.arange(frames, dtype=np.uint8)[:, None, None, None]
    return Video(ArraySource(np.broadcast_to(level, (frames, size[1], size[0], 3)), 24.0), "count")
