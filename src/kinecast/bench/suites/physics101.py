"""WHN on Physics 101: 29 frames from one, five scenarios, one sample.

Source: What Happens Next? (arXiv 2509.21592), sections 4.4, A.2 and D.4.3: tables 8 and 14, and
figure 5, the scatter of two models' errors clip by clip.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.results import Results
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.imported import case_of, clips, named_lots, required
from kinecast.bench.suites.paper_measure import pixel_mse, with_scalars
from kinecast.bench.suites.published import published
from kinecast.core.errors import UserError
from kinecast.data.importers.physics101 import SCENARIOS
from kinecast.io.webdataset import shards_in

NAME = "physics101"
FRAMES = 30
SIZE = (464, 256)
STRIDE = 8
MINI_SHARDS, MINI_CLIPS = 2, 4
METRIC = "paper_mse"
OUTLIER = 10.0  # times the other's error: the figure's "10x lower"
FETCH = (
    "Fetch Physics 101 (phys101.csail.mit.edu, research use) and build it: kinecast build "
    "physics101-crops PHYS101 --tracker cotracker3 --weights FILE --code CLONE --out DIR; WHN's "
    "own shards are read too where their samples' names hold the scenario"
)
PROTOCOL = {
    "k": 1,
    "seed": 42,
    "seconds": [],
    "resolution": "464x256",
    "queries": "32 x 58: every 8th pixel, the first at 2.5",
    "frames": "1 -> 29; errors over 30 frames, the first with error 0",
    "tracker": "that the data was built with; CoTracker3 in the paper",
    "mse": "squared error in pixels^2, mean over points, frames and both coordinates",
    "not published; ours": "the 1450 clips of the test: all that the folder holds; which 30 "
    "frames: as built (kinecast build physics101-crops start=, step=); both views are cases; the "
    "crop: about the middle; whether coordinates are summed or averaged: averaged",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    folder = required(NAME, data, FETCH)
    shards = [
        (name, partial(_shard, shard, name, MINI_CLIPS if size == "mini" else None))
        for shard, name in shards_in(folder)
    ]
    return named_lots(shards, MINI_SHARDS if size == "mini" else None)


def _shard(shard: Path, name: str, most: int | None) -> Iterator[Case]:
    for clip in islice(clips("whn", shard, {"stride": str(STRIDE)}), most):
        if (len(clip.tracks), clip.tracks.size) != (FRAMES, SIZE):
            raise UserError(
                f"expected {FRAMES} frames of 464x256 in {clip.id} of {shard}, got "
                f"{len(clip.tracks)} of {clip.tracks.size}; build it with kinecast build "
                "physics101-crops"
            )
        id = f"{name}/{clip.id.partition('/')[2]}"
        scene, _, view = id.rpartition("/")
        yield case_of(
            clip, id=id, group=scenario(id, shard), horizon=FRAMES - 1, scene=scene,
            about={"view": view},
        )  # fmt: skip


def scenario(id: str, shard: Path) -> str:
    """The one of the five scenarios that a sample's name holds.

    Raises:
        UserError: none, or several.
    """
    words = set(id.lower().replace("-", "_").replace("/", "_").split("_"))
    found = [name for name in SCENARIOS if name in words]
    if len(found) != 1:
        raise UserError(
            f"expected one of {', '.join(SCENARIOS)} in the name of the sample {id} of {shard}, "
            f"got {', '.join(found) or 'none'}; name samples as kinecast build physics101-crops "
            "does"
        )
    return found[0]


def outliers(results: Results, x: str, y: str) -> dict[str, Any]:
    """The data of the paper's figure 5: every clip that both models forecast, by its two errors.

    Args:
        results: of a run of this suite.
        x, y: names of two models in it.

    Returns:
        "points": a clip each, {"case", "scenario", x, y}, MSE in pixels^2; "y_10_times_lower" and
        "x_10_times_lower": how many clips lie so far off the diagonal; "metric".

    Raises:
        UserError: no such model, or no clip of both.
    """
    errors: list[dict[str, tuple[str, float]]] = []
    for model in (x, y):
        rows = [row for row in results.of(model) if METRIC in row.result.scalars]
        if not rows:
            raise UserError(f"expected {METRIC} of {model} in {results.folder}, got none")
        errors.append({row.case: (row.group, row.result.scalars[METRIC]) for row in rows})
    ours, theirs = errors
    both = [case for case in ours if case in theirs]
    pairs = np.array([(ours[case][1], theirs[case][1]) for case in both])
    if not both:
        raise UserError(f"expected clips that both {x} and {y} forecast, got none")
    return {
        "metric": METRIC,
        "points": [
            {"case": case, "scenario": ours[case][0], x: float(a), y: float(b)}
            for case, (a, b) in zip(both, pairs, strict=True)
        ],
        "y_10_times_lower": int((pairs[:, 0] >= OUTLIER * pairs[:, 1]).sum()),
        "x_10_times_lower": int((pairs[:, 1] >= OUTLIER * pairs[:, 0]).sum()),
    }


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="WHN's Physics 101: one forecast of 29 frames, by scenario",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(pixel_mse),
        published=published("whn", NAME),
    )
