"""Suite: a frozen list of cases with the protocol they are measured by."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.facts import case_facts
from kinecast.bench.measure import measure
from kinecast.bench.results import CaseFacts, Result
from kinecast.core.errors import UserError, did_you_mean

Protocol = Mapping[str, Any]
Measure = Callable[[Contestant, Case, Protocol], Result]
Facts = Callable[[Case, Protocol], CaseFacts]
Refuses = Callable[[Contestant, Case], str | None]
Lots = Callable[[str, Path | None], Sequence["Lot"]]


@dataclass(frozen=True)
class Lot:
    """Some cases that are made together: the unit of work that is shared out, and that a run which
    was killed begins again.

    Attributes:
        name: unique in the suite, of letters, digits and `-_.@+`: it names files.
        make: its cases, in order, the same on every call; about 1 to 16 of them (one video, one
            scene, some seeds of a family).
    """

    name: str
    make: Callable[[], Iterator[Case]]


@dataclass(frozen=True)
class Published:
    """A number that a paper states, shown beside ours.

    Attributes:
        paper, table: where it stands: "arXiv 2603.22606", "Table 1".
        method: of the paper's row.
        group: the group of cases here that it belongs beside.
        metric: name of our scalar (or set metric of the report) that is the same quantity.
        value: as printed.
        differs: how the paper's settings differ from this suite's; "" where they agree.
    """

    paper: str
    table: str
    method: str
    group: str
    metric: str
    value: float
    differs: str = ""


def refuses(contestant: Contestant, case: Case) -> str | None:
    """What the contestant itself says; a suite that asks for no forecast says otherwise."""
    return contestant.refuses(case)


@dataclass(frozen=True)
class Suite:
    """What `kinecast bench run NAME` runs.

    Attributes:
        name: as in the table `suites.SUITES`.
        version: counts up whenever cases or protocol change: results of two versions are never
            compared.
        about: one line.
        protocol: everything that fixes the numbers, JSON-able; stored with the results. Read by
            `measure`: "k" (samples), "seed", and "seconds" (budgets of the best-within-s-seconds
            curve, () to leave it out). Stated for the reader: "queries", "resolution", "frames",
            "stride", "tracker", ...
        lots: (size, data) -> its cases, in lots. The call itself is cheap: whoever works on one lot
            makes no other. Raises a UserError with `fetch` where --data lacks something.
        sizes: names of its sizes; the first is the default.
        fetch: for a suite on the user's own data: what to fetch from where, and how to build the
            folder that --data takes; "" where nothing is needed.
        measure: (contestant, case, protocol) -> Result.
        facts: (case, protocol) -> what all contestants share in the case.
        refuses: (contestant, case) -> why it cannot take part in the case, or None.
        published: what papers state of the same sets.
    """

    name: str
    version: int
    about: str
    protocol: Protocol
    lots: Lots
    sizes: tuple[str, ...] = ("mini", "full")
    fetch: str = ""
    measure: Measure = measure
    facts: Facts = case_facts
    refuses: Refuses = refuses
    published: tuple[Published, ...] = ()

    def cases(self, size: str, data: Path | None = None) -> Iterator[Case]:
        """All cases in order, one at a time.

        Raises:
            UserError: an unknown size, or data that is missing.
        """
        self.check_size(size)
        for lot in self.lots(size, data):
            yield from lot.make()

    def chosen(self, size: str, data: Path | None, groups: Sequence[str]) -> list[Lot]:
        """The lots whose names begin with one of some words, up to the first "-"; all for no word.

        Raises:
            UserError: a word that no lot begins with; names the nearest. And as `lots`.
        """
        lots = list(self.lots(size, data))
        known = list(dict.fromkeys(_first_word(lot) for lot in lots))
        for group in groups:
            if group not in known:
                raise UserError(
                    f"expected --groups of {', '.join(known)}, got {group!r}"
                    f"{did_you_mean(group, known)}"
                )
        return [lot for lot in lots if not groups or _first_word(lot) in groups]

    def check_size(self, size: str) -> None:
        """Refuse a size that the suite does not have.

        Raises:
            UserError: says which it has.
        """
        if size not in self.sizes:
            raise UserError(
                f"expected --size {' or '.join(self.sizes)} for {self.name}, got {size!r}"
            )


def _first_word(lot: Lot) -> str:
    return lot.name.partition("-")[0]


def protocol_hash(protocol: Protocol) -> str:
    """16 hexadecimal digits of a protocol's canonical JSON."""
    text = json.dumps(protocol, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
