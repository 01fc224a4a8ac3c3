"""The table of suites: name -> module, whose `suite()` makes it."""

from importlib import import_module

from kinecast.core.errors import UserError, did_you_mean
from kinecast.train.ablate.arm import Suite

SUITES = {
    "trajloom": "kinecast.train.ablate.suites.trajloom",
    "whn": "kinecast.train.ablate.suites.whn",
    "zipmo": "kinecast.train.ablate.suites.zipmo",
    "supervision": "kinecast.train.ablate.suites.supervision",
    "micro": "kinecast.train.ablate.suites.micro",
}


def suite_of(name: str) -> Suite:
    """A suite.

    Raises:
        UserError: no such suite (names the nearest).
    """
    if name not in SUITES:
        raise UserError(
            f"no suite {name!r}{did_you_mean(name, SUITES)}; suites: {', '.join(SUITES)}"
        )
    made: Suite = import_module(SUITES[name]).suite()
    return made
