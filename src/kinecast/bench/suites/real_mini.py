"""`real-mini`: the test clips of docs/clips.md, fetched by pip from packages that carry them.

Window after window of each clip, tracked by the default tracker from points laid in the window's
first frame: the truth is what that tracker found, and so is the history.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.kept import Arrays, code_hash, kept
from kinecast.core.cond import Frame
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.data import trackers
from kinecast.data.clips import CLIPS, open_clip
from kinecast.io.selected import selected

STRIDES = {(640, 360): 24.0, (640, 272): 21.0}  # of the points, by the clip's size
WINDOWS = (81, 24)  # frames of history, and as many of future
SPLIT = "test"
PROTOCOL = {
    "k": 8,
    "seed": 0,
    "seconds": [],
    "queries": "about 390 points of a regular grid, cell centres, in the first frame of a window",
    "resolution": "as the clips come: 640x360 and 640x272",
    "frames": "81 -> 81 and 24 -> 24, windows one after the other, at the clips' 24 and 25 fps",
    "stride": 1,
    "tracker": "flow, the default of `kinecast track`",
    "seeds": {},
    "clips": {name: clip.sha256 for name, clip in CLIPS.items() if clip.split == SPLIT},
}


def suite() -> Suite:
    """Version 1."""
    return Suite(
        name="real-mini",
        version=1,
        about="a few real clips, fetched from package registries",
        protocol=PROTOCOL,
        lots=_lots,
        sizes=("mini",),
    )


def _lots(size: str, data: Path | None) -> list[Lot]:
    return [
        Lot(f"{name}-{frames}", partial(_cases, name, frames))
        for name, clip in CLIPS.items()
        if clip.split == SPLIT
        for frames in WINDOWS
        if clip.stop - clip.start >= 2 * frames
    ]


def _cases(name: str, frames: int) -> Iterator[Case]:
    video = open_clip(name)
    for start in range(0, len(video) - 2 * frames + 1, 2 * frames):
        now = start + frames
        tracks = _tracked(name, video, start, now + frames)
        history, truth = tracks.split(frames)
        yield Case(
            id=f"{name}@{now}+{frames}",
            group=f"real clips, {frames} -> {frames}",
            kind="real",
            history=history,
            truths=(truth,),
            scene=name,
            frame=Frame(video[now - 1 : now][0], video.fps),
            video=selected(video, range(start, now + frames), video.fps),
            about={"clip": name, "first_frame": start},
        )


def _tracked(name: str, video: Video, start: int, stop: int) -> Tracks:
    """Tracks of frames [start, stop)."""
    grid = Grid.over(video.size, STRIDES[video.size])

    def track() -> Arrays:
        tracks = trackers.get_tracker().track(
            video, grid=grid, reference="first", start=start, stop=stop
        )
        assert tracks.confidence is not None  # of every tracker of ours
        return {"xy": tracks.xy, "visible": tracks.visible, "confidence": tracks.confidence}

    asked = {"clip": CLIPS[name].sha256, "start": start, "stop": stop, "shot": CLIPS[name].start}
    code = code_hash(Path(trackers.__file__).parent, versions=(cv2.__version__,))
    file = kept(f"tracks-{name}", asked, code, track)
    shape = (stop - start, grid.count)
    return Tracks(
        xy=file.take("xy", "float32", (*shape, 2)),
        visible=file.take("visible", "bool", shape),
        confidence=file.take("confidence", "float32", shape),
        size=video.size,
        query_frame=np.zeros(grid.count, np.int64),
        fps=video.fps,
        grid=grid,
        source={"tracker": trackers.get_tracker().name, "video": name},
    )
