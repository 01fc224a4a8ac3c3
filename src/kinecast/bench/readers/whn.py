"""WHN's futures (arXiv 2509.21592): grids of tracks, as arrays or as rollout folders.

Rollout folders are as in its benchmark, `ID-000000/`, `ID-000001/`, ...: `trajectories.npy`
(T, h, w, 2), one a sample. Its sampling scripts' own files are documented nowhere; what a model
returns is: (K, T, 2, h, w). It is read from `ID.npz`, `.npy` or `.pt`; other axes are stated.

Convention: pixels (x, y), edge-aligned; frame 0 is the last seen moment. Which pixels the grid's
points are laid in depends on the data set, which is stated.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.readers.axes import canonical, check_axes
from kinecast.bench.readers.base import Output, Reader
from kinecast.bench.readers.files import Arrays, check_folder, files_of, natural, place_of
from kinecast.bench.readers.options import Options
from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.data.importers.whn import KUBRIC_FPS
from kinecast.io.npy import parse_npy

TRACKS = "trajectories.npy"


class Layout(NamedTuple):
    """A data set's frame, grid and frame rate (None: not published)."""

    size: Size
    grid: Grid
    fps: float | None = None


SETS = {
    "kubric": Layout((256, 256), Grid(32, 32, 8.0, (0.5, 0.5)), KUBRIC_FPS),
    "libero": Layout((128, 128), Grid(64, 64, 2.0, (1.5, 1.5))),
    "physion": Layout((256, 256), Grid(32, 32, 8.0, (2.5, 2.5))),
    "physics101": Layout((464, 256), Grid(32, 58, 8.0, (2.5, 2.5))),
    "cityscapes": Layout((448, 224), Grid(56, 112, 4.0, (2.5, 2.5))),
}


def _read(folder: Path, case: Case, options: Options) -> Output:
    layout = SETS[options.choice("set", tuple(SETS), None, "it says which pixels the grid is in")]
    units = options.choice("units", ("pixels", "signed"), "pixels")
    values = np.concatenate(_samples(check_folder(folder), case.id, options)).astype(np.float32)
    if values.shape[2] != layout.grid.count:
        raise UserError(
            f"expected {layout.grid.h} x {layout.grid.w} points of WHN's grid for case {case.id}, "
            f"got {values.shape[2]}; is set= as stated?"
        )
    return Output(
        xy=values if units == "pixels" else coords.denormalise(values, layout.size),
        size=layout.size,
        first=0,
        laid=layout.grid.points().reshape(-1, 2),
        fps=layout.fps,
    )


def _samples(folder: Path, case_id: str, options: Options) -> list[np.ndarray]:
    place = place_of(folder, case_id)
    rollouts = [
        rollout
        for rollout in place.parent.glob(f"{_plain(place.name)}-" + "[0-9]" * 6)
        if (rollout / TRACKS).is_file()
    ]
    if rollouts:
        files = [rollout / TRACKS for rollout in sorted(rollouts, key=natural)]
        arrays = [(parse_npy(file.read_bytes(), str(file)), str(file)) for file in files]
        axes = "thwd"
    else:
        arrays = [_array(file, options) for file in files_of(folder, case_id)]
        axes = check_axes(options.text("axes", "ktdhw"))
    parts = [canonical(array, axes, where) for array, where in arrays]
    if len({part.shape[1:] for part in parts}) > 1:
        raise UserError(f"expected samples of one shape for case {case_id}, got several")
    return parts


def _array(file: Path, options: Options) -> tuple[np.ndarray, str]:
    name = options.text("tracks", "tracks")
    array = Arrays(file).take(name, stated=True)
    assert array is not None  # a stated array is there
    return array, f"{name!r} of {file}"


def _plain(name: str) -> str:
    """A name in which glob sees no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


READER = Reader(
    name="whn",
    about="futures of What Happens Next? (arXiv 2509.21592): arrays, or folders of its benchmark",
    convention="pixels (x, y), edge-aligned, or signed [-1, 1]; frame 0 is the last seen moment",
    options=(
        f"set={'|'.join(SETS)}: frame and grid of the data set",
        "axes=LETTERS of arrays (default ktdhw, as the model returns them)",
        "units=pixels|signed",
        "tracks=NAME of the array",
    ),
    read=_read,
)
