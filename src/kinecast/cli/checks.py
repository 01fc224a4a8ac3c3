"""Recorded cases against ours, as `import-weights --check` and `eval --check` print them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kinecast.cli.progress import say
from kinecast.cli.score_table import jsonable
from kinecast.core.errors import UserError
from kinecast.released.case import ABOUT, Case
from kinecast.released.check import Deviation

BEYOND, UNREADABLE = 1, 2  # exit statuses


def check_cases(
    places: Sequence[Path],
    check: Callable[[Case], list[Deviation]],
    theirs: Callable[[Case], bool],
    what: str,
    json_: bool,
) -> int:
    """Check cases and print every output's deviation.

    Args:
        places: folders of cases, or folders of such folders.
        check: a case -> how far each output is off.
        theirs: whether another verb checks a case; in a folder of folders those are passed over.
        what: those cases record.
        json_: print one JSON object.

    Returns:
        Exit status: 0, 1 beyond tolerance, 2 for a case that cannot be read.

    Raises:
        UserError: a folder without cases.
    """
    reports: list[dict[str, Any]] = []
    status = 0
    for folder in _cases(places, theirs, what):
        report: dict[str, Any] = {"case": str(folder)}
        try:
            case = Case.read(folder)
            found = check(case)
        except UserError as error:
            report["error"] = str(error)
            status = UNREADABLE
            say(f"kinecast: {error}")
        else:
            report |= {"system": case.system, "kind": case.kind}
            report["outputs"] = [{**asdict(d), "within": d.within} for d in found]
            if not all(d.within for d in found):
                status = max(status, BEYOND)
            if not json_:
                _print(folder, case, found)
        reports.append(report)
    if json_:
        print(json.dumps(jsonable({"cases": reports}), allow_nan=False))
    return status


def _cases(places: Sequence[Path], theirs: Callable[[Case], bool], what: str) -> list[Path]:
    folders: list[Path] = []
    for place in places:
        if not place.is_dir() or (place / ABOUT).is_file():
            folders.append(place)
            continue
        below = sorted(path.parent for path in place.rglob(ABOUT))
        ours = [folder for folder in below if not _is_theirs(folder, theirs)]
        if not ours:
            raise UserError(f"expected recorded cases (folders with {ABOUT}) in {place}, got none")
        if len(below) > len(ours):
            say(f"note: {len(below) - len(ours)} cases of {what} in {place} are passed over")
        folders += ours
    return folders


def _is_theirs(folder: Path, theirs: Callable[[Case], bool]) -> bool:
    try:
        return theirs(Case.read(folder))
    except UserError:  # told where the case is checked
        return False


def _print(folder: Path, case: Case, found: Sequence[Deviation]) -> None:
    print(f"{folder} ({case.system}, {case.kind})")
    width = max((len(d.output) for d in found), default=0)
    for d in found:
        verdict = "ok" if d.within else f"BEYOND TOLERANCE {d.remark}".rstrip()
        off = f"{d.value:9.3g}  tolerance {d.limit:g} {d.measure:<10}"
        print(f"  {d.output:<{width}}  {off}  {verdict}")
