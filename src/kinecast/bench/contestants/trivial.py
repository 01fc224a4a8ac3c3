"""The trivial forecasts of `forecast.baselines` by name, and the one from pokes."""

from dataclasses import dataclass
from typing import Any

from kinecast.bench.case import Case
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import baselines, forecast
from kinecast.forecast.poked import NEAREST_POKE, nearest_poke
from kinecast.forecast.score import REST


@dataclass(frozen=True)
class Trivial:
    """One of them: sees the history alone."""

    name: str

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return {"kind": "baseline"}

    def refuses(self, case: Case) -> str | None:
        """One frame shows no motion: all of them are rest there, and rest alone takes part."""
        if len(case.history) == 1 and self.name != REST:
            return "takes a history of at least 2 frames"
        return None

    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """One future."""
        return [forecast(self.name, case.history, case.horizon)]


@dataclass(frozen=True)
class Poked:
    """Every point moves as the nearest poke: sees the pokes, and where points are."""

    name: str = NEAREST_POKE

    def facts(self) -> dict[str, Any]:
        """See `Contestant`."""
        return {"kind": "baseline"}

    def refuses(self, case: Case) -> str | None:
        """Without pokes there is nothing to move by."""
        return None if case.pokes is not None and len(case.pokes) else "takes pokes"

    def forecast(self, case: Case, k: int, seed: int) -> list[Tracks]:
        """One future."""
        assert case.pokes is not None
        return [nearest_poke(case.history, case.pokes, case.horizon)]


def trivial(name: str, device: str) -> Trivial | Poked:
    """The baseline of that name.

    Raises:
        UserError: an unknown name; says the nearest.
    """
    if name == NEAREST_POKE:
        return Poked()
    known = [*baselines(), NEAREST_POKE]
    if name not in known:
        raise UserError(
            f"expected a baseline of {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
        )
    return Trivial(name)
