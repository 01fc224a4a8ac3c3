"""Physion: one hdf5 file a trial, rendered with poses, identities and depth.

Tracks are computed where the file has all that they need (`physion_tracks`), else the trial is a
video alone and its source says what was missing. Source: Physion (Bear et al., NeurIPS 2021) and
the layout of its generator, tdw_physics.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.video import Video
from kinecast.data.importers.base import Importer, Item, Options, Untracked, choice, whole
from kinecast.data.importers.libero import hdf5_files, natural
from kinecast.data.importers.physion_tracks import CONVENTION, MissingError, exact_tracks, picture
from kinecast.io.hdf5 import names_in, open_hdf5

FPS = 30.0
_LICENCE = "MIT or CC (check the data's page)"


class _Frames:
    """The pictures of a trial."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fps: float | None = FPS
        with open_hdf5(path) as file:
            self.names = sorted(names_in(file, "frames"), key=natural)
            if not self.names:
                raise UserError(f"expected frames/0000, ... in {path}, got none")
            H, W, _ = picture(file, self.names[0], "_img").shape
        self.size = (W, H)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        W, H = self.size
        frames = np.empty((stop - start, H, W, 3), np.uint8)
        with open_hdf5(self._path) as file:
            for frame, name in zip(frames, self.names[start:stop], strict=True):
                image = picture(file, name, "_img")
                if image.shape != frame.shape:
                    raise UserError(
                        f"expected pictures of one size, {W}x{H}, in {self._path}, "
                        f"got {image.shape[1]}x{image.shape[0]} in frame {name}"
                    )
                frame[:] = image
        return frames


def _read(path: Path, options: Options) -> Iterator[Item]:
    wanted = choice(options, "tracks", ("exact", "none"), "exact") == "exact"
    for file, name in hdf5_files(path):
        frames = _Frames(file)
        stride = whole(options, "stride", int(Grid.over(frames.size).stride))
        video = Video(frames, name)
        source = {"importer": "physion", "file": str(file), "licence": _LICENCE}
        missing = "not asked for"
        if wanted:
            with open_hdf5(file) as opened:
                try:
                    tracks = exact_tracks(opened, frames.names, frames.size, stride, FPS, source)
                    yield Clip(tracks, video, "", name)
                    continue
                except MissingError as error:
                    missing = str(error)
        yield Untracked(video, "", name, {**source, "no_tracks": missing})


IMPORTER = Importer(
    name="physion",
    about=(
        "Physion: rendered dominoes, ramps, towers, ... one hdf5 file a trial; tracks follow from "
        f"its poses, depth and camera. Licence: {_LICENCE}. From the bucket that its GitHub "
        "page links."
    ),
    convention=CONVENTION,
    options=("tracks=exact|none", "stride=WHOLE NUMBER of pixels between points"),
    read=_read,
)
