"""Contestant: what takes part in a benchmark, and the words it is asked for by.

`--models` takes a model's name or folder, a baseline's name, `baselines` (every trivial one), or a
prefix of `PREFIXES` with an argument: `nearest:POOL`, `videos:FOLDER`, ...
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from kinecast.bench.case import Case
from kinecast.core import table
from kinecast.core.errors import UserError, did_you_mean
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import baselines
from kinecast.forecast.models import list_models
from kinecast.forecast.poked import NEAREST_POKE

# word -> "module:make", where make(argument: str, device: str) -> Contestant. The argument is what
# follows the first colon, "" where nothing does.
PREFIXES: dict[str, str] = {
    "model": "kinecast.bench.contestants.model:model",
    "vae": "kinecast.bench.contestants.autoencoder:autoencoder",
    "baseline": "kinecast.bench.contestants.trivial:trivial",
    "nearest": "kinecast.bench.contestants.nearest:nearest",
    "truth": "kinecast.bench.contestants.truth:truth",
    "tracker": "kinecast.bench.contestants.tracker:tracker",
    "outputs": "kinecast.bench.contestants.outputs:outputs",
    "videos": "kinecast.bench.contestants.videos:videos",
}
ALL = "baselines"


class Contestant(Protocol):
    """Something that forecasts cases.

    Attributes:
        name: unique in a run, of letters, digits and `-_.:@+`: names its folder and table rows.
    """

    name: str

    def facts(self) -> dict[str, Any]:
        """What it is, JSON-able: at least "kind"; a model adds "config_sha256",
        "weights_sha256" and "device", what was forecast elsewhere "recorded": True (its cost
        here is that of reading). Results of other facts are not mixed in one run."""

    def refuses(self, case: Case) -> str | None:
        """Why it cannot forecast this case (counted in the report), or None.

        The same reason reads the same in every case: no names and numbers of the case in it.
        """

    def forecast(self, case: Case, k: int, seed: int) -> Sequence[Tracks]:
        """K futures of the case's points, `case.horizon` frames each.

        One future from what is deterministic. A `core.forecast.Forecast` also brings the
        probability that a point is seen. Other frames or points, or positions that are not
        finite, are an error.
        """


def contestants(specs: str, device: str = "auto") -> list[Contestant]:
    """Those of a comma-separated list, in its order.

    Raises:
        UserError: an unknown word, or one contestant twice.
    """
    made = [one for spec in specs.split(",") if spec for one in contestant(spec, device)]
    if not made:
        raise UserError("expected --models with at least one name, got none")
    names = [one.name for one in made]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"expected each of --models once, got {name} twice")
    return made


def contestant(spec: str, device: str = "auto") -> list[Contestant]:
    """The one of a word, or all trivial baselines.

    Raises:
        UserError: an unknown word; names the nearest.
    """
    trivial = [*baselines(), NEAREST_POKE]
    if spec == ALL:
        return [_made("baseline", name, device) for name in trivial]
    word, _, argument = spec.partition(":")
    if word in PREFIXES:
        return [_made(word, argument, device)]
    if spec in trivial:
        return [_made("baseline", spec, device)]
    models = [model.name for model in list_models()]
    if spec in models or Path(spec).is_dir():
        return [_made("model", spec, device)]
    known = [*models, ALL, *trivial, *(f"{prefix}:" for prefix in PREFIXES)]
    raise UserError(
        f"expected a model, a baseline or one of {', '.join(PREFIXES)}, got {spec!r}"
        f"{did_you_mean(spec, known)}"
    )


def _made(word: str, argument: str, device: str) -> Contestant:
    made: Contestant = table.find(PREFIXES, word, "a contestant")(argument, device)
    return made
