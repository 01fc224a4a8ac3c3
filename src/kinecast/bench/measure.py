"""Measure one contestant on one case: every metric that applies, and what it cost.

A metric that does not apply to a case or to a forecast is absent with a reason; no number is NaN.
The files of `measures/` say what each number is; the metrics behind them are those of
`kinecast.metrics`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.measures.accuracy import accuracy
from kinecast.bench.measures.clocks import clocked, within
from kinecast.bench.measures.features import features
from kinecast.bench.measures.judged import judged
from kinecast.bench.measures.motion import motion
from kinecast.bench.measures.pictures import paths
from kinecast.bench.measures.samples import samples
from kinecast.bench.measures.seen import seen
from kinecast.bench.measures.sheet import Sheet
from kinecast.bench.results import Result
from kinecast.core.tracks import Tracks


def measure(contestant: Contestant, case: Case, protocol: Mapping[str, Any]) -> Result:
    """Draw `protocol["k"]` futures (or as many as the case says) with `protocol["seed"]`, and score
    them.

    Where `case.timed`, one sample after another is drawn, too, for the best within each of
    `protocol["seconds"]`; not of outputs that were recorded elsewhere.

    Raises:
        UserError: the contestant fails, or forecasts something else than what was asked.
    """
    k, seed = int(case.about.get("k", protocol["k"])), int(protocol["seed"])
    futures, cost = clocked(contestant, case, k, seed)
    result = scored(contestant.name, case, futures, protocol)
    if case.timed and not contestant.facts().get("recorded"):
        cost |= within(contestant, case, seed, protocol.get("seconds", ()), len(futures))
    return Result(**{**vars(result), "cost": {"samples": float(len(futures)), **cost}})


def scored(name: str, case: Case, futures: Sequence[Tracks], protocol: Mapping[str, Any]) -> Result:
    """All numbers of futures that are there, without what they cost.

    Args:
        name: of who forecast, for messages.
        case: what was forecast.
        futures: at least one.
        protocol: of the suite.

    Raises:
        UserError: other points, frames or sizes than the case's, or positions that are not finite.
    """
    of, sheet = judged(case, futures, name), Sheet()
    accuracy(sheet, of)
    samples(sheet, of)
    seen(sheet, of)
    motion(sheet, of)
    features(sheet, of, protocol)
    return Result(sheet.scalars, sheet.absent, sheet.curves, sheet.features, paths=paths(of))
