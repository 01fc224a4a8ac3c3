"""DAVIS 2017 with dense pokes: 64 frames of 40 points, all told where they end.

Source: ZipMo (arXiv 2604.11737), supplement G: table I.
"""

from pathlib import Path

from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.paper_measure import with_scalars
from kinecast.bench.suites.poked import dense_lots, poked_errors
from kinecast.bench.suites.published import published

NAME = "davis"
MINI = 4
FETCH = (
    "Fetch DAVIS 2017 at 480p (davischallenge.org: trainval, test-dev and test-challenge, 150 "
    "sequences) and convert it: kinecast convert DAVIS --from davis --stride 24 --out DIR; the "
    "paper tracks with TAPNext (kinecast track takes one video, kinecast prepare many)"
)
PROTOCOL = {
    "k": 128,
    "seed": 43,
    "seconds": [],
    "resolution": "errors in pixels of 128x128, whatever the frame",
    "pokes": "40, start to end, at the end of the window",
    "frames": "1 -> 63; errors over 64 frames, the first with error 0",
    "tracker": "that the data was made with",
    "epe": "of poked points, last frame, mean over samples",
    "not published; ours": "which frames: the first 64 of a sequence; a shorter one whole, its "
    "tracks resampled linearly to 64; which points: 40 by a seeded draw of those seen in the first "
    "and the last frame, moving ones (ZipMo's own test) before resting ones; k: 128, as for dense "
    "pokes elsewhere",
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    return dense_lots(NAME, data, FETCH, "DAVIS", 1, MINI if size == "mini" else None)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="ZipMo's dense pokes on DAVIS 2017",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(poked_errors),
        published=published("zipmo", NAME),
    )
