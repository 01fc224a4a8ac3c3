"""Kinecast's own files: ID.npz or ID/forecast.npz as `kinecast forecast` writes, or ID/0.npz, ...

A forecast file has all samples; track files have one each. Pixels of the file's own `size`, frame 0
the first after the history. It is the plainest way to bring any method's output here.
"""

from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.readers.base import Output, Reader
from kinecast.bench.readers.files import check_folder, files_of, place_of
from kinecast.bench.readers.options import Options
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.io.forecast_file import KIND, load_forecast
from kinecast.io.npz import read_kind
from kinecast.io.tracks_file import load_tracks

FORECAST = "forecast.npz"


def _read(folder: Path, case: Case, options: Options) -> Output:
    own = place_of(check_folder(folder), case.id) / FORECAST
    files = [own] if own.is_file() else files_of(folder, case.id, (".npz",))
    futures = [future for file in files for future in _futures(file)]
    first = futures[0]
    shapes = {(future.xy.shape, future.size) for future in futures}
    if len(shapes) > 1:
        raise UserError(f"expected futures of one shape for case {case.id}, got {sorted(shapes)}")
    return Output(
        xy=np.stack([future.xy for future in futures]),
        size=first.size,
        first=1,
        visible=np.stack([future.visible for future in futures]),
    )


def _futures(file: Path) -> list[Tracks]:
    return list(load_forecast(file)) if read_kind(file) == KIND else [load_tracks(file)]


READER = Reader(
    name="kinecast",
    about="forecast.npz and track files (docs/formats.md), named by case",
    convention="pixels (x, y) of the file's size, edge-aligned; frame 0 follows the history",
    options=(),
    read=_read,
)
