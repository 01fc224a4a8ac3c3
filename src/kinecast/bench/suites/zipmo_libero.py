"""ZipMo on LIBERO: the points that move in 16 frames, from two views and an instruction.

Source: ZipMo (arXiv 2604.11737), supplement A: table E.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.measures.clocks import clocked
from kinecast.bench.suite import Lot, Suite
from kinecast.bench.suites.libero_windows import FRAMES, RULES, lots
from kinecast.bench.suites.paper_measure import Futures, squared_errors, with_scalars
from kinecast.bench.suites.published import published
from kinecast.bench.suites.whn_libero import FETCH, KS
from kinecast.core.tracks import Tracks

NAME = "zipmo-libero"
MODEL_FRAMES = 64
PROTOCOL = {
    "k": max(KS),
    "ks": list(KS),
    "seed": 43,
    "seconds": [],
    "resolution": "128x128",
    "queries": "32 points that move in the window",
    "frames": "1 -> 15; errors over 16 frames, the first with error 0; a model of 64 frames "
    "forecasts the 15 steps as 63, and is read at 16 of them",
    "views": "agentview (side) and eye_in_hand (effector), both seen",
    "tracker": "that the data was built with; ATM's preprocessing (CoTracker) in the paper",
    "mse": "squared error, mean over points, frames and both coordinates; Single: of sample 1",
    "not published; ours": RULES,
}


def _forecasts(
    contestant: Contestant, case: Case, k: int, seed: int
) -> tuple[Futures, dict[str, float]]:
    """As `clocked`; a model whose window is 64 frames is asked for the case stretched to them."""
    whole = replace(case, truths=(_at(case, case.truth, MODEL_FRAMES),), video=None)
    if contestant.facts().get("kind") != "model" or contestant.refuses(whole) is not None:
        return clocked(contestant, case, k, seed)
    futures, cost = clocked(contestant, whole, k, seed)
    return [_at(case, future, FRAMES) for future in futures], cost


def _at(case: Case, future: Tracks, frames: int) -> Tracks:
    """Start and future at `frames` moments evenly in time, both ends kept, without the start."""
    xy = np.concatenate([case.history.xy[-1:], future.xy])
    visible = np.concatenate([case.history.visible[-1:], future.visible])
    at = np.linspace(0, len(future), frames)[1:]
    below = np.minimum(at.astype(np.int64), len(future) - 1)
    share = (at - below).astype(np.float32)[:, None, None]
    moved = (1 - share) * xy[below] + share * xy[below + 1]
    seen = visible[np.rint(at).astype(np.int64)] & np.isfinite(moved).all(-1)
    return Tracks(moved, seen, case.size, source=future.source)


def _lots(size: str, data: Path | None) -> list[Lot]:
    return lots(NAME, size, data, FETCH)


def suite() -> Suite:
    """See the module's docstring."""
    return Suite(
        name=NAME,
        version=1,
        about="ZipMo's LIBERO windows, two views: Single, Mean and Min MSE of 8 forecasts",
        protocol=PROTOCOL,
        lots=_lots,
        fetch=FETCH,
        measure=with_scalars(partial(squared_errors, counts=KS), _forecasts),
        published=published("zipmo", NAME),
    )
