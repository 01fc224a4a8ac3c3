"""Sheet: the numbers of one forecast as they are found, and why others are not there."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kinecast.core.errors import UserError


class Sheet:
    """Collects what a `Result` holds.

    A metric says in its error what it expects of its input; where that is not met, the metric does
    not apply, and what it expected is the reason.
    """

    def __init__(self) -> None:
        self.scalars: dict[str, float] = {}
        self.absent: dict[str, str] = {}
        self.curves: dict[str, np.ndarray] = {}
        self.features: dict[str, np.ndarray] = {}

    def one(self, name: str, metric: Callable[[], Any]) -> None:
        """A scalar."""
        self.some((name,), lambda: {name: metric()})

    def some(
        self, names: tuple[str, ...], metric: Callable[[], Mapping[str, Any]], no_number: str = ""
    ) -> None:
        """Scalars of one computation, by these names.

        Args:
            names: those of its dict that are wanted.
            metric: gives the dict, or says in a UserError what it expects.
            no_number: why one of them may be NaN where the others are not.
        """
        try:
            values = {name: float(value) for name, value in metric().items()}
        except UserError as error:
            self.absent |= dict.fromkeys(names, reason(error))
            return
        for name in names:
            if math.isfinite(values[name]):
                self.scalars[name] = values[name]
            else:
                assert no_number, f"expected a number or a reason as {name}, got {values[name]}"
                self.absent[name] = no_number

    def feature(self, name: str, metric: Callable[[], np.ndarray]) -> None:
        """Rows of features."""
        try:
            self.features[name] = np.asarray(metric(), np.float32)
        except UserError as error:
            self.absent[name] = reason(error)


def reason(error: UserError) -> str:
    """What was expected, without what was got: the same words in every case."""
    return str(error).partition(", got ")[0]
