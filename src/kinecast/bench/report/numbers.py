"""report.json: every number of a report in full."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from kinecast.bench.report.blocks import Table
from kinecast.bench.report.curves import Horizon, coverages, horizons
from kinecast.bench.report.gallery import picked
from kinecast.bench.report.group import Group
from kinecast.bench.report.markdown import table
from kinecast.bench.report.sections import Measured
from kinecast.bench.report.sets import Sets
from kinecast.bench.report.tables import chief

FORMAT, VERSION = "kinecast-bench-report", 1
CURVES = ("mean_ade", "best_ade")


def numbers(all_measured: Sequence[Measured], readme: Table | None) -> str:
    """The whole file; a number that is not there is null."""
    found = {
        "format": FORMAT,
        "version": VERSION,
        "studies": [_study(one) for one in all_measured],
        "readme": None if readme is None else table(readme),
    }
    text = json.dumps(_plain(found), indent=1, allow_nan=False, ensure_ascii=False)
    return re.sub(r"\[[^\[\]{}\"]+\]", lambda match: re.sub(r"\s+", " ", match[0]), text) + "\n"


def _study(one: Measured) -> dict[str, Any]:
    run = one.study.run
    kept = ("suite", "version", "size", "about", "protocol", "protocol_hash", "published")
    return {
        **{key: run[key] for key in kept if key in run},
        "machines": one.study.machines,
        "models": one.study.models,
        "groups": {name: _group(group, one.sets[name]) for name, group in one.groups.items()},
    }


def _group(group: Group, found: Sets) -> dict[str, Any]:
    first, shown = group.facts[0], [method.name for method in chief(group)]
    return {
        "kind": first.kind,
        "cases": [case.id for case in group.facts],
        "scenes": group.scenes,
        "history_frames": first.history_frames,
        "horizon": first.horizon,
        "opponent": group.opponent,
        "truth": {name: asdict(value) for name, value in group.truth.items()},
        "methods": {name: asdict(method) for name, method in group.methods.items()},
        "sets": asdict(found),
        "horizons": {
            name: {m: _rounded(curve) for m, curve in horizons(group, name, shown).items()}
            for name in CURVES
        },
        "coverage": {
            method: {"nominal": nominal, "observed": observed}
            for method, (nominal, observed) in coverages(group).items()
        },
        "pictures": {
            name: {title: case.id for title, case in picked(group, name)}
            for name, method in group.methods.items()
            if method.role == "model"
        },
    }


def _rounded(curve: Horizon) -> dict[str, Any]:
    """To a ten-thousandth of a pixel: there are many of these numbers."""
    return {
        key: value.round(4) if isinstance(value, np.ndarray) else value
        for key, value in vars(curve).items()
    }


def _plain(value: Any) -> Any:
    """JSON's own types."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
