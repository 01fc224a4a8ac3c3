"""The truth as a contestant: a sanity row, the best that metrics can give."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kinecast.bench.case import Case
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks


@dataclass(frozen=True)
class Truth:
    """Other true futures where a first frame has several (up to half of them), else the truth.

    Metrics then compare with the futures that are left: what a perfect model would score. A truth
    that does not say where hidden points are cannot take part.
    """

    name: str = "truth"

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return {"kind": "sanity"}

    def refuses(self, case: Case) -> str | None:
        """See `Contestant`."""
        if not all(np.isfinite(truth.xy).all() for truth in _others(case)):
            return "takes a truth that says where hidden points are"
        return None

    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """The last of the true futures."""
        return _others(case)[:k]


def _others(case: Case) -> list[Tracks]:
    return list(case.truths[(len(case.truths) + 1) // 2 :] or case.truths)


def truth(argument: str, device: str) -> Truth:
    """The sanity row.

    Raises:
        UserError: an argument.
    """
    if argument:
        raise UserError(f"expected truth without an argument, got truth:{argument}")
    return Truth()
