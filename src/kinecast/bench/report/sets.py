"""Set metrics: how far a method's motion is from the truth's as a distribution.

Both sets are of the cases that the method did. Values depend on resolution, grid, window and the
number of clips: compare within one table, beside one half of the truth against the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinecast.bench.measures.features import STRIDE
from kinecast.bench.report.group import Group
from kinecast.bench.results import CaseFacts
from kinecast.core.errors import UserError
from kinecast.metrics.frechet import frechet
from kinecast.metrics.fvmd_tracks import LENGTH

FEATURES = ("fvmd", "fvmd_long", "fvmd_scenes")


@dataclass(frozen=True)
class Distance:
    """A Frechet distance of two sets of feature rows.

    Attributes:
        value: squared units of weighted counts; None where there is none.
        rows, reference: of the method and of the truth.
        why: there is no value.
    """

    value: float | None
    rows: int
    reference: int
    why: str = ""


@dataclass(frozen=True)
class Sets:
    """The set metrics of a group.

    Attributes:
        methods: method -> name of `FEATURES` -> distance to the truth.
        split: name -> distance of the truth of every other case to that of the rest.
        settings: name -> how it was computed, in words.
    """

    methods: Mapping[str, Mapping[str, Distance]]
    split: Mapping[str, Distance]
    settings: Mapping[str, str]


def sets(group: Group, names: Sequence[str], protocol: Mapping[str, object]) -> Sets:
    """The set metrics of some methods of a group, as far as its cases have features."""
    there = [f for f in FEATURES if any(f in case.features for case in group.facts)]
    methods = {}
    for name in names:
        rows = group.rows.get(name, {})
        found = {}
        for feature in there:
            both = [
                case
                for case in group.facts
                if case.id in rows
                and feature in rows[case.id].result.features
                and feature in case.features
            ]
            ours = [rows[case.id].result.features[feature] for case in both]
            found[feature] = _distance(ours, _of(both, feature))
        methods[name] = found
    split = {f: _distance(_of(group.facts[::2], f), _of(group.facts[1::2], f)) for f in there}
    return Sets(methods, split, {f: _settings(f, group, protocol) for f in there})


def _of(cases: Sequence[CaseFacts], feature: str) -> list[np.ndarray]:
    return [case.features[feature] for case in cases if feature in case.features]


def _distance(ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Distance:
    rows, reference = sum(map(len, ours)), sum(map(len, theirs))
    if min(rows, reference) < 2:
        return Distance(None, rows, reference, "fewer than two clips")
    if len({part.shape[1] for part in (*ours, *theirs)}) > 1:
        return Distance(None, rows, reference, "clips of several grids")
    try:
        found = frechet(np.concatenate(ours), np.concatenate(theirs)).distance
    except UserError as error:
        return Distance(None, rows, reference, str(error).partition(", got ")[0])
    return Distance(found, rows, reference)


def _settings(feature: str, group: Group, protocol: Mapping[str, object]) -> str:
    sizes = ", ".join(dict.fromkeys(f"{case.size[0]}x{case.size[1]}" for case in group.facts))
    horizons = ", ".join(dict.fromkeys(str(case.horizon) for case in group.facts))
    window = {
        "fvmd": f"windows of {LENGTH} frames, one every {protocol.get('fvmd_stride', STRIDE)}",
        "fvmd_long": f"one window of all {horizons} frames",
        "fvmd_scenes": "all futures of all scenes as one set, no mask",
    }[feature]
    mask = "" if feature == "fvmd_scenes" else ", masked by what is visible in the truth"
    return f"{window}{mask}, pixels of {sizes}"
