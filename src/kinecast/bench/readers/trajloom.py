"""TrajLoom's own evaluation output: a folder a video, `FOLDER/ID/` or `FOLDER/RUN/ID/`.

Layout (docs/datasets.md, `trajloom-eval`): query_xy.npy (N, 2), pred_tracks.npy (T, N, 2),
pred_visibility.npy (T, N), meta.json with W and H. Its script draws one sample a run: the runs, one
folder each, are the samples. Frames follow the history; points were laid in its first frame.
Convention: (x, y) pixels, integers are pixel centres: half a pixel is added.
"""

import json
from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.readers.base import Output, Reader, RefusalError
from kinecast.bench.readers.files import NOTHING, check_folder, natural, place_of
from kinecast.bench.readers.options import Options
from kinecast.core import coords
from kinecast.core.coords import REFERENCE_SIZE, Size
from kinecast.core.errors import UserError
from kinecast.io.npy import parse_npy

TRACKS, FLAGS, QUERIES, META = (
    "pred_tracks.npy", "pred_visibility.npy", "query_xy.npy", "meta.json",
)  # fmt: skip


def _read(folder: Path, case: Case, options: Options) -> Output:
    runs = _runs(check_folder(folder), case.id)
    query = _array(runs[0] / QUERIES, (None, 2))
    xy, visible = [], []
    for run in runs:
        if not np.array_equal(_array(run / QUERIES, (None, 2)), query):
            raise UserError(f"expected the same {QUERIES} in all runs, got another in {run}")
        tracks = _array(run / TRACKS, (None, len(query), 2))
        flags = _array(run / FLAGS, tracks.shape[:2])
        if not np.isin(flags, (0, 1)).all():
            raise UserError(f"expected 0 and 1 in {run / FLAGS}")
        xy.append(tracks.astype(np.float32))
        visible.append(flags != 0)
    if len({tracks.shape for tracks in xy}) > 1:
        raise UserError(f"expected runs of one length for case {case.id}, got several")
    return Output(
        xy=coords.from_pixel_centres(np.stack(xy)),
        size=options.size() or _size(runs[0]),
        first=1,
        laid=coords.from_pixel_centres(query.astype(np.float64)),
        laid_at="query",
        visible=np.stack(visible),
    )


def _runs(folder: Path, case_id: str) -> list[Path]:
    place = place_of(folder, case_id)
    if (place / TRACKS).is_file():
        return [place]
    inner = sorted((run for run in folder.iterdir() if run.is_dir()), key=natural)
    found = [run / case_id for run in inner if (run / case_id / TRACKS).is_file()]
    if not found:
        raise RefusalError(NOTHING)
    return found


def _size(run: Path) -> Size:
    """Of the frame, from meta.json; without one the published one."""
    file = run / META
    if not file.is_file():
        return REFERENCE_SIZE
    try:
        meta = json.loads(file.read_text("utf-8"))
        return coords.check_size((meta["W"], meta["H"]))
    except (ValueError, LookupError, TypeError) as error:
        raise UserError(f"expected W and H in {file}, got another ({error})") from error


def _array(file: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    if not file.is_file():
        raise UserError(f"expected {file}, got no such file")
    array = parse_npy(file.read_bytes(), str(file))
    fits = array.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "biuf":
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise UserError(f"expected {wanted} in {file}, got {array.dtype} {array.shape}")
    return array


READER = Reader(
    name="trajloom",
    about="the folders that TrajLoom's evaluation writes (arXiv 2603.22606)",
    convention="pixels (x, y) of the frame of meta.json, integers are pixel centres: + 0.5",
    options=("size=WxH of the frame, instead of meta.json's or 832x480",),
    read=_read,
)
