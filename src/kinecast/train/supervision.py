"""What tracks clips of gliding layers are trained on: exact ones, estimated ones, or some of them.

Points are those of the grid. Where some are left out the others are repeated, so that a clip has as
many; then they lie on no grid.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float32

from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.grid import Grid
from kinecast.core.video import Video
from kinecast.data.gliding import GLIDING, Glide, glide
from kinecast.data.layers import Kind, LayeredSource
from kinecast.data.track import track
from kinecast.forecast.guess import fill_hidden
from kinecast.train.recipe import ImageData

EXACT = "exact"
TRACKERS = ("flow", "lk")
PARTIAL = ("few", "seen")  # an eighth of the points; those that are never hidden
_FEW = 8


def check_supervision(data: ImageData) -> None:
    """Refuse what cannot be made.

    Raises:
        UserError: another word, or clips that are not gliding layers of one view.
    """
    known = (EXACT, *TRACKERS, *PARTIAL)
    if data.supervision not in known:
        raise UserError(
            f"expected data.supervision of {', '.join(known)}, got {data.supervision!r}"
            f"{did_you_mean(data.supervision, known)}"
        )
    gliding = set(data.families) <= set(GLIDING) and data.views == 1
    if data.supervision != EXACT and (data.shards or data.points or not gliding):
        raise UserError(
            f"expected data.families of {', '.join(GLIDING)} on a grid (data.points=0) in one view "
            f"and no data.shards for data.supervision={data.supervision}; use {EXACT}"
        )


def scene_of(data: ImageData, seed: int, index: int) -> Glide:
    """The scene of clip `index` of gliding families."""
    family = data.families[index % len(data.families)]
    return glide(family, seed, index, frames=data.frames, size=data.size)


def video_of(scene: Glide) -> Video:
    """The scene's frames."""
    source = LayeredSource(scene.layers, scene.frames, scene.size, Kind(), scene.seed)
    return Video(source, f"{scene.text} {scene.seed}")


def supervised(
    kind: str, scene: Glide, grid: Grid, draw: torch.Generator
) -> tuple[Float32[np.ndarray, "t n 2"], Bool[np.ndarray, "t n"]]:
    """Tracks of the grid's points, pixels xy, and where they are seen.

    Args:
        kind: not `EXACT`. Estimated positions of hidden points are guessed, as `kinecast forecast`
            guesses those of a history.
        scene: a clip.
        grid: laid in its first frame.
        draw: of the points that are left.

    Raises:
        UserError: every point is hidden at some time.
    """
    if kind in TRACKERS:
        tracks = track(video_of(scene), grid=grid, tracker=kind)
        return fill_hidden(tracks), tracks.visible
    xy, visible = scene.follow(grid.points().reshape(-1, 2))
    order = torch.randperm(grid.count, generator=draw).numpy()
    kept = order[visible[:, order].all(0)] if kind == "seen" else order[: -(-grid.count // _FEW)]
    if not len(kept):
        raise UserError(
            "expected points that are seen in every frame (data.supervision=seen), got none in a "
            f"clip of {scene.frames} frames; lower data.frames or data.stride"
        )
    again = np.resize(kept, grid.count)
    return xy[:, again], visible[:, again]
