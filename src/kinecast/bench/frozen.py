"""Frozen suites: the same protocol and the same cases everywhere, or an error.

`suites/frozen/NAME-SIZE.json` holds the hash of a suite's protocol and about twelve numbers a case:
where five points are at five moments of its future, and how much is visible. A position may differ
by 0.02 pixels, as processors differ in the last bits. Suites on the user's own data have no file.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.suite import Suite, protocol_hash
from kinecast.core.errors import UserError
from kinecast.io.atomic import atomic_path

FOLDER = Path(__file__).parent / "suites" / "frozen"
PROBES = 5
PIXELS, SHARE = 0.02, 1e-3


def fingerprint(case: Case) -> list[float]:
    """Positions x, y of 5 points, each of another frame and true future, then shares visible.

    Where that point is hidden then, the next one that is seen takes its place; 0, 0 if none is.
    """
    numbers: list[float] = []
    for i in range(PROBES):
        truth = case.truths[i * len(case.truths) // PROBES]
        t = (2 * i + 1) * case.horizon // (2 * PROBES)
        n = (2 * i + 1) * truth.count // (2 * PROBES)
        seen = np.flatnonzero(np.roll(truth.visible[t], -n))
        point = (n + seen[0]) % truth.count if len(seen) else None
        numbers += [0.0, 0.0] if point is None else truth.xy[t, point].astype(float).tolist()
    shares = [case.history.visible.mean(), np.mean([t.visible.mean() for t in case.truths])]
    return [round(float(x), 4) for x in [*numbers, *shares]]


def path(name: str, size: str) -> Path:
    """Where the fingerprints of a suite's size are."""
    return FOLDER / f"{name}-{size}.json"


def write(suite: Suite, size: str) -> Path:
    """Freeze a suite that needs no data as it is now.

    Raises:
        UserError: the file cannot be written.
    """
    record = {
        "suite": suite.name,
        "version": suite.version,
        "size": size,
        "protocol": protocol_hash(suite.protocol),
        "cases": {case.id: fingerprint(case) for case in suite.cases(size)},
    }
    lines = json.dumps(record, indent=1).replace(",\n   ", ", ").replace("[\n   ", "[")
    with atomic_path(path(suite.name, size)) as temporary:
        temporary.write_text(lines.replace("\n  ]", "]") + "\n", "utf-8")
    _kept.cache_clear()
    return path(suite.name, size)


def check_protocol(suite: Suite, size: str) -> None:
    """Refuse a suite whose protocol is not the frozen one of its version.

    Raises:
        UserError: says which suite and version.
    """
    kept = _kept(suite.name, size)
    now = (suite.version, protocol_hash(suite.protocol))
    if kept is not None and (kept["version"], kept["protocol"]) != now:
        raise UserError(
            f"suite {suite.name} ({size}) has version {now[0]} and protocol {now[1]}, its frozen "
            f"cases are of {kept['version']} and {kept['protocol']}; results would not compare"
        )


def check(suite: Suite, size: str, case: Case) -> None:
    """Refuse a case that is not the frozen one.

    Raises:
        UserError: names suite, version and case, and what differs.
    """
    kept = _kept(suite.name, size)
    if kept is None:
        return
    where = f"case {case.id} of {suite.name} ({size}), version {suite.version},"
    if case.id not in kept["cases"]:
        raise UserError(f"{where} is none of the frozen ones; results would not compare")
    wanted, got = np.array(kept["cases"][case.id]), np.array(fingerprint(case))
    allowed = np.array([PIXELS] * (len(wanted) - 2) + [SHARE] * 2)
    off = np.abs(got - wanted)
    if (off > allowed).any():
        i = int(np.argmax(off / allowed))
        raise UserError(
            f"{where} is not the frozen one: number {i} of its fingerprint is {got[i]:g} instead "
            f"of {wanted[i]:g}; results would not compare"
        )


def check_all(suite: Suite, size: str, ids: Sequence[str]) -> None:
    """Refuse a list of cases that is not the frozen one.

    Raises:
        UserError: says which case is missing, or there twice.
    """
    twice = {name for name in ids if ids.count(name) > 1}
    if twice:
        raise UserError(f"expected case ids that differ in {suite.name}, got {min(twice)} twice")
    kept = _kept(suite.name, size)
    missing = set(kept["cases"] if kept else ()) - set(ids)
    if missing:
        raise UserError(
            f"suite {suite.name} ({size}), version {suite.version}, lacks {len(missing)} frozen "
            f"cases, for example {min(missing)}; results would not compare"
        )


@lru_cache
def _kept(name: str, size: str) -> dict[str, Any] | None:
    file = path(name, size)
    if not file.is_file():
        return None
    kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return kept
