"""Physics-IQ's solid mechanics with dense pokes: 64 frames of 40 points, all told where they end.

Source: ZipMo (arXiv 2604.11737), supplement G: table I.
"""

from pathlib import Path

from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.paper_measure import with_scalars
from kinecast.bench.suites.poked import dense_lots, poked_errors
from kinecast.bench.suites.published import published

NAME = "physics-iq"
MINI = 4
STEP = 2
FETCH = (
    "Fetch descriptions.csv and split-videos/testing/30FPS of the bucket physics-iq-benchmark (CC "
    "BY 4.0) and convert it: kinecast convert PHYSICS-IQ --from physics-iq --assume "
    "events=solid-mechanics --assume fps=30 --assume take=1 --out DIR"
)
PROTOCOL = {
    "k": 128,
    "seed": 43,
    "seconds": [],
    "resolution": "errors in pixels of 128x128, whatever the frame",
    "pokes": "40, start to end, at the end of the window",
    "frames": "1 -> 63 of every second frame; errors over 64 frames, the first with error 0",
    "tracker": "that the data was made with",
    "epe": "of poked points, last frame, mean over samples",
    "not published; ours": "which part and frames: the testing videos, the first 64 of every "
    "second frame; which views and takes: those that were converted; which points: as in the "
    "suite davis; k: 128",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    most = MINI if size == "mini" else None
    return dense_lots(NAME, data, FETCH, "solid mechanics", STEP, most)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="ZipMo's dense pokes on Physics-IQ's solid mechanics",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(poked_errors),
        published=published("zipmo", NAME),
    )
