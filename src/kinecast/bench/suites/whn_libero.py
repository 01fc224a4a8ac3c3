"""WHN on LIBERO: 15 frames of the points that move, from one frame and an instruction.

Source: What Happens Next? (arXiv 2509.21592), sections 4.1, A.1 and D.4.1: tables 1, 2, 9, 10, 13.
"""

from functools import partial
from pathlib import Path

from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.libero_windows import RULES, lots
from kinecast.bench.suites.paper_measure import squared_errors, with_scalars
from kinecast.bench.suites.published import published

NAME = "whn-libero"
KS = (1, 2, 4, 8)
FETCH = (
    "Fetch LIBERO's demonstrations (libero-project.github.io) into DIR/libero_90, libero_10, "
    "libero_goal, libero_object, libero_spatial, or some of these, as ATM's preprocessing leaves "
    "them (SUITE/TASK_demo/demo_0.hdf5), or make that layout: kinecast convert DEMOS --from libero "
    "--to atm --out DIR; WHN's own shards of windows (.tar) are read too (docs/paper-suites.md)"
)
PROTOCOL = {
    "k": max(KS),
    "ks": list(KS),
    "seed": 42,
    "seconds": [],
    "resolution": "128x128",
    "queries": "32 points that move in the window",
    "frames": "1 -> 15; errors over 16 frames, the first with error 0",
    "tracker": "that the data was built with; CoTracker in the paper",
    "mse": "squared error, mean over points, frames and both coordinates",
    "not published; ours": RULES,
}


def _lots(size: str, data: Path | None) -> list[Lot]:
    return lots(NAME, size, data, FETCH)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="WHN's LIBERO windows: MeanT, Mean and Min MSE of 1, 2, 4 and 8 forecasts",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(partial(squared_errors, counts=KS)),
        published=published("whn", NAME) + published("zipmo", NAME),
    )
