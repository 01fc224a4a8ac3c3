"""`kinecast synth` of a rendered family: clips made side by side, the same files in any case."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.cli.progress import progress_bar, say
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.io.atomic import atomic_folder
from kinecast.io.image import write_image
from kinecast.io.tracks_file import save_tracks
from kinecast.io.video import write_video
from kinecast.viz.contact import TILE_WIDTH, contact_sheet, sheet_frames

_ON_SHEET = 12  # clips drawn
_QUANTISER = 8  # of H.264: no difference to be seen
_WORTH_A_WORKER = 4  # clips: starting a process takes as long as two


@dataclass(frozen=True)
class Asked:
    """The options of the command; None: the family's own."""

    family: str
    seed: int
    n: int
    futures: int
    frames: int | None
    size: Size | None
    fps: float | None
    anchor: int
    camera: str
    stride: int
    renderer: str

    def shot(self) -> dict[str, Any]:
        """Arguments of `film` that all clips share."""
        return {
            "frames": self.frames, "size": self.size, "fps": self.fps, "camera": self.camera,
            "stride": self.stride, "anchor": self.anchor,
        }  # fmt: skip

    def clips(self) -> list[tuple[str, int, int]]:
        """(name, index, future) of every clip."""
        names = []
        for index in range(self.n):
            for future in range(self.futures):
                tail = f"-{future:03d}" if self.futures > 1 else ""
                names.append((f"{self.family}_{index:05d}{tail}", index, future))
        return names


@dataclass(frozen=True, eq=False)
class _Row:
    """A row of the contact sheet."""

    tracks: Tracks
    pictures: np.ndarray
    caption: str


def write_rendered(asked: Asked, out: Path, workers: int | None) -> dict[str, Any]:
    """Write NAME.mp4, NAME.npz and NAME_objects.npz of every clip, and contact.png.

    With several views, NAME is followed by the name of the view.

    Returns:
        family, seed, paths, and clips a minute.

    Raises:
        UserError: counts below 1, or MuJoCo, a GL library or the renderer is missing.
    """
    from kinecast.data.synth.sim import gl
    from kinecast.data.synth.sim.film import plan
    from kinecast.data.synth.sim.renderers import painter

    if asked.futures < 1 or (workers is not None and workers < 1):
        raise UserError(
            f"expected --futures and --workers of 1 or more, got {asked.futures} and {workers}"
        )
    plan(asked.family, **asked.shot())  # mistakes are said here, not by a worker
    painter(asked.renderer)
    gl.backend()
    clips = asked.clips()
    if workers is None:
        workers = min(os.cpu_count() or 1, -(-len(clips) // _WORTH_A_WORKER))
    names: list[str] = []
    rows: list[_Row] = []
    start = time.monotonic()
    with atomic_folder(out) as folder, progress_bar("rendering") as advance:
        jobs = [(asked, folder, *clip, i < _ON_SHEET) for i, clip in enumerate(clips)]
        for done, (written, row) in enumerate(_each(jobs, workers), 1):
            names += written
            if row is not None:
                rows.append(row)
            advance(done, len(clips))
        sheet = contact_sheet(
            [row.tracks for row in rows],
            [row.caption for row in rows],
            pictures=[row.pictures for row in rows],
        )
        write_image(folder / "contact.png", sheet)
    seconds = time.monotonic() - start
    rate = 60 * len(clips) / seconds
    say(f"{len(clips)} clips in {seconds:.0f} s: {rate:.1f} clips a minute, {workers} at a time")
    return {
        "family": asked.family,
        "seed": asked.seed,
        "paths": [str(out.resolve() / name) for name in [*names, "contact.png"]],
        "clips_per_minute": round(rate, 1),
    }


_Job = tuple[Asked, Path, str, int, int, bool]
_Made = tuple[list[str], _Row | None]


def _each(jobs: list[_Job], workers: int) -> Iterator[_Made]:
    """What each job made, in order."""
    if workers == 1:
        yield from map(_make, jobs)
        return
    # spawned: neither GL nor torch survives a fork
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _leave_interrupts_to_the_parent)
    try:
        yield from pool.map(_make, jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make(job: _Job) -> _Made:
    """Film one clip and write its files; returns their names, and its row of the sheet if asked."""
    from kinecast.data.synth.sim.files import save_objects
    from kinecast.data.synth.sim.film import film

    asked, folder, name, index, future, drawn = job
    take = film(
        asked.family, seed=asked.seed, index=index, future=future, renderer=asked.renderer,
        **asked.shot(),
    )  # fmt: skip
    written = []
    for i, view in enumerate(take.views):
        stem = name if len(take.views) == 1 else f"{name}_{view.name}"
        written += [f"{stem}.mp4", f"{stem}.npz", f"{stem}_objects.npz"]
        rgb, tracks = view.pictures.rgb, view.tracks
        assert tracks.fps is not None  # of every shot
        frames = iter(rgb)
        write_video(
            folder / written[-3], frames, tracks.fps, tracks.size, _QUANTISER, constant=True
        )
        save_tracks(folder / written[-2], tracks)
        save_objects(folder / written[-1], take, i)
    if not drawn:
        return written, None
    first = take.views[0]
    shown = _few(first.tracks, first.thing)
    pictures = first.pictures.rgb[sheet_frames(len(shown))]
    return written, _Row(shown, pictures, name)


def _few(tracks: Tracks, thing: np.ndarray) -> Tracks:
    """Points 12 pixels of the sheet apart on things, 28 elsewhere: more would hide the picture."""
    assert tracks.grid is not None
    i, j = np.divmod(np.arange(tracks.count), tracks.grid.w)
    apart = tracks.grid.stride * TILE_WIDTH / tracks.size[0]
    step = np.where(thing > 0, max(1, round(12 / apart)), max(1, round(28 / apart)))
    keep = (i % step == step // 2) & (j % step == step // 2)
    return replace(
        tracks, xy=tracks.xy[:, keep], visible=tracks.visible[:, keep],
        query_frame=tracks.query_frame[keep], grid=None,
    )  # fmt: skip
