"""`kinecast track`: follow a grid of points through a video."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from kinecast.cli.progress import progress_bar
from kinecast.cli.tracker import load_tracker
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.io.tracks_file import save_tracks
from kinecast.io.video import open_video


def track(
    video: Positional[Path],
    *,
    out: Path,
    stride: float | None = None,
    reference: Literal["first", "last"] | int = "first",
    tracker: str = "flow",
    weights: Path | None = None,
    code: Path | None = None,
    device: str = "auto",
    start: int = 0,
    stop: int | None = None,
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Follow a grid of points through a video and write a track file.

    Args:
        video: a video file or a folder of images.
        out: the track file, .npz.
        stride: pixels between points; by default such that there are about 390.
        reference: the frame the points are laid on: first, last, or a frame's index; they are
            followed from there both ways.
        tracker: flow; chain (plain chained flow) or lk (pyramidal Lucas-Kanade), for comparison; or
            a published network of yours: cotracker, alltracker, tapnext, tapir.
        weights: the network's weights file.
        code: the folder of your clone of the network's code.
        device: of the network: auto, cuda, cuda:N, mps or cpu.
        start: first frame to track.
        stop: frame to stop before; by default the end of the video.
        json_: print one JSON object.
    """
    if out.suffix != ".npz":
        raise UserError(f"expected --out ending in .npz, got {out}")
    source = open_video(video)
    grid = Grid.over(source.size, stride)
    follow = load_tracker(tracker, weights, code, device)
    with progress_bar("tracking") as advance:
        tracks = follow.track(
            source, grid=grid, reference=reference, start=start, stop=stop, progress=advance
        )
    save_tracks(out, tracks)
    path = str(out.absolute())
    if json_:
        counts = {"frames": len(tracks), "points": tracks.count}
        print(json.dumps({"paths": [path], **counts, "visible": float(tracks.visible.mean())}))
    else:
        print(path)
