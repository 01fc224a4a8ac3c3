"""ZipMo's open-set evaluation: 40 moving points of 64 frames, from one frame and 1 to 40 pokes.

Source: ZipMo (arXiv 2604.11737), section 4 and supplement A, and its released evaluation: 68 Pexels
clips, errors in pixels of 128x128, K = 8 samples for 1 to 16 pokes and 128 for 40.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.imported import clips, named_lots, only, required
from kinecast.bench.suites.paper_measure import with_scalars
from kinecast.bench.suites.poked import poked, poked_errors
from kinecast.bench.suites.published import published
from kinecast.core.errors import UserError
from kinecast.data.builders.zipmo_open_set import POINTS
from kinecast.data.importers.zipmo import FRAMES
from kinecast.data.importers.zipmo_eval import TRACKS_FILE, entries

NAME = "zipmo-open-set"
POKES = {1: "1 poke", 2: "2 pokes", 4: "4 pokes", 8: "8 pokes", POINTS: "dense"}
MINI = 2
FETCH = (
    "Fetch gt_tracks.pt and the folder pexels from the Google Drive folder that ZipMo's README "
    "names, or build such a set of videos of a fixed camera: kinecast build zipmo-open-set VIDEOS "
    "--tracker tapnext --weights FILE --code CLONE --out DIR"
)
PROTOCOL = {
    "k": 128,
    "k of 1 to 8 pokes": 8,
    "seed": 43,
    "seconds": [],
    "resolution": "errors in pixels of 128x128, whatever the frame",
    "queries": "the set's 40 points; a model fills up to 80 with points of its own",
    "pokes": "the first 1, 2, 4, 8 or all 40 points, start to end, at the end of the window; a "
    "model that takes fewer is given the first of them",
    "frames": "1 -> 63; errors over 64 frames, the first with error 0",
    "tracker": "that the data was built with; TAPNext in the paper",
    "epe": "of poked points, last frame, mean over samples",
    "not published; ours": "for a set that is built here, the choice of 40 points (kinecast build "
    "zipmo-open-set); points are taken as seen while inside the frame",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    folder = required(NAME, data, FETCH)
    file = folder / TRACKS_FILE
    if not file.is_file():
        raise UserError(f"expected {file} for suite {NAME}, got none. {FETCH}")
    names = [str(name) for name in entries(file)]
    lots = [(name, partial(_clip, folder, name)) for name in names]
    return named_lots(lots, MINI if size == "mini" else None)


def _clip(folder: Path, name: str) -> Iterator[Case]:
    clip = only(clips("zipmo-eval", folder, {"only": name}), folder)
    tracks = clip.tracks
    if (len(tracks), tracks.count) != (FRAMES, POINTS):
        raise UserError(
            f"expected {POINTS} points of {FRAMES} frames of {name} in {folder / TRACKS_FILE}, got "
            f"{tracks.count} of {len(tracks)}"
        )
    if not np.isfinite(tracks.xy).all():
        raise UserError(f"expected finite tracks of {name} in {folder / TRACKS_FILE}, got others")
    for pokes, group in POKES.items():
        points = np.arange(POINTS, dtype=np.int64)
        yield poked(clip, f"{name}/{group}", group, pokes, points, filmed=True)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="ZipMo's open-set clips: 40 points of 64 frames from 1, 2, 4, 8 or 40 pokes",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(poked_errors),
        published=published("zipmo", NAME),
    )
