"""A study: all runs of one suite at one version, size and protocol, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinecast.bench.results import CaseFacts, Results, Row
from kinecast.core.errors import UserError

SAME = ("suite", "version", "size", "protocol_hash")  # what makes two runs one study
SAME_NUMBER = 0.01  # machines differ in the last bits, not by more


@dataclass(frozen=True, eq=False)
class Study:
    """Runs that may be compared number by number.

    Attributes:
        run: run.json of the first: "suite", "version", "size", "protocol", "protocol_hash", ...
        machines: what each run says of where it ran ("machine", "packages"), without repetition.
        models: name -> facts, in the runs' order.
        cases: by id, in the suite's order.
        rows: model -> case -> row.
    """

    run: Mapping[str, Any]
    machines: Sequence[Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    cases: Mapping[str, CaseFacts]
    rows: Mapping[str, Mapping[str, Row]]

    def groups(self) -> dict[str, list[CaseFacts]]:
        """The cases of each group, both in the suite's order."""
        found: dict[str, list[CaseFacts]] = {}
        for case in self.cases.values():
            found.setdefault(case.group, []).append(case)
        return found


def studies(runs: Sequence[Results]) -> list[Study]:
    """The runs, those of one suite put together, in the order given.

    Raises:
        UserError: no run, one without cases, a model that two runs of one suite hold, a case that
            is not the same in two of them, or a number that is not finite.
    """
    if not runs:
        raise UserError("expected at least one run to report on, got none")
    together: dict[tuple[str, ...], list[Results]] = {}
    for run in runs:
        if not run.cases:
            raise UserError(
                f"expected results in {run.folder}, got none; let kinecast bench run finish first"
            )
        together.setdefault(tuple(str(run.run.get(key)) for key in SAME), []).append(run)
    return [_study(some) for some in together.values()]


def _study(runs: Sequence[Results]) -> Study:
    models: dict[str, Mapping[str, Any]] = {}
    rows: dict[str, dict[str, Row]] = {}
    cases: dict[str, CaseFacts] = {}
    for run in runs:
        for name, facts in run.run["models"].items():
            if name in models:
                raise UserError(
                    f"expected each model in one run of suite {run.run['suite']}, got {name} "
                    f"in two; leave out {run.folder.name}, or a run that holds it too"
                )
            models[name] = facts
            rows[name] = {row.case: row for row in run.of(name)}
        for case in run.cases.values():
            _check_same(cases.setdefault(case.id, case), case, run)
    for name in models:
        for row in rows[name].values():
            _check(row)
    machines = [{key: run.run.get(key, {}) for key in ("machine", "packages")} for run in runs]
    unique = [m for i, m in enumerate(machines) if m not in machines[:i]]
    return Study(runs[0].run, unique, models, cases, rows)


def _check(row: Row) -> None:
    for name, value in (*row.result.scalars.items(), *row.result.cost.items()):
        if not np.isfinite(value):
            raise UserError(
                f"expected finite results, got {name} = {value} of {row.model} in case {row.case}; "
                "run that model again"
            )


def _check_same(one: CaseFacts, other: CaseFacts, run: Results) -> None:
    shared = [name for name in one.scalars if name in other.scalars]
    a, b = (np.array([case.scalars[name] for name in shared]) for case in (one, other))
    if (one.group, one.size, one.horizon) != (other.group, other.size, other.horizon) or (
        not np.allclose(a, b, rtol=SAME_NUMBER, atol=SAME_NUMBER)
    ):
        raise UserError(
            f"expected the same cases in all runs of {run.run['suite']}, got another {one.id} in "
            f"{run.folder.name}; report on runs of one --data"
        )
