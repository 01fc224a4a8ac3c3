"""Replay a recorded case with our networks and measure how far every output is off."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from kinecast.core.errors import UserError, did_you_mean
from kinecast.released.case import Case

Replay = Callable[[Case], dict[str, Tensor]]
REPLAYS = {
    "trajloom": "kinecast.released.trajloom_replay:replay",
    "whn": "kinecast.released.whn_replay:replay",
    "zipmo": "kinecast.released.zipmo_replay:replay",
}
AIDS = "inter."  # arrays so named help to find a mistake and are not judged
MEASURES = ("abs", "rel", "rel_to_max", "exact")


@dataclass(frozen=True)
class Deviation:
    """How far one output is off.

    Attributes:
        output: its name.
        measure: "abs": largest |difference|; "rel": largest |difference| / |recorded|;
            "rel_to_max": largest |difference| / largest |recorded|; "exact": entries that differ.
        value: in that measure; infinite where shapes or non-finite entries differ.
        limit: the tolerance.
        remark: why the value is infinite, or nothing.
    """

    output: str
    measure: str
    value: float
    limit: float
    remark: str = ""

    @property
    def within(self) -> bool:
        """Whether the output is within its tolerance."""
        return self.value <= self.limit


def check(case: Case) -> list[Deviation]:
    """Replay a case and compare every recorded output but `inter.*`.

    Raises:
        UserError: an unknown system or kind, a case that lacks an array or a setting, or outputs
            that the replay does not give.
    """
    replay = replay_of(case.system)
    with torch.no_grad():
        ours = replay(case)
    judged = [name for name in case.outputs if not name.startswith(AIDS)]
    tolerances = {name: tolerance(case.about["tolerance"], name) for name in judged}
    unreplayed = [name for name in judged if name not in ours]
    if unreplayed:
        raise UserError(
            f"expected a replay of every output of {case.folder} (system {case.system}, kind "
            f"{case.kind}), got none of {', '.join(unreplayed)}"
        )
    return [deviation(n, ours[n], case.outputs[n], tolerances[n]) for n in judged]


def replay_of(system: str) -> Replay:
    """The function that replays a system's cases.

    Raises:
        UserError: a system whose cases are not networks' cases.
    """
    if system == "metrics":
        raise UserError("recorded metrics are checked by: kinecast eval --check CASE")
    if system not in REPLAYS:
        known = ", ".join(REPLAYS)
        raise UserError(
            f"expected a case of {known}, got {system!r}{did_you_mean(system, REPLAYS)}"
        )
    module, function = REPLAYS[system].split(":")
    replay: Replay = getattr(import_module(module), function)
    return replay


def tolerance(section: Mapping[str, Any], output: str) -> dict[str, float | bool]:
    """An output's tolerance: its own, the first glob's that names it, or the whole case's.

    Raises:
        UserError: none, or none that is known.
    """
    if not isinstance(section, Mapping):
        raise UserError(f"expected a tolerance of {', '.join(MEASURES)}, got {section!r}")
    own = {name: value for name, value in section.items() if isinstance(value, Mapping)}
    named = own.get(output) or next((v for k, v in own.items() if fnmatchcase(output, k)), section)
    limits = {measure: named[measure] for measure in MEASURES if measure in named}
    if not limits or not all(isinstance(limit, int | float) for limit in limits.values()):
        raise UserError(f"expected a tolerance of {', '.join(MEASURES)} for {output}, got {named}")
    return limits


def deviation(
    output: str, ours: Tensor, recorded: Tensor, limits: Mapping[str, float | bool]
) -> Deviation:
    """How far one output is off. Of several measures, one within its limit is enough."""
    found = [_measure(output, ours, recorded, m, float(limits[m])) for m in limits]
    return next((d for d in found if d.within), found[0])


def _measure(output: str, ours: Tensor, recorded: Tensor, measure: str, limit: float) -> Deviation:
    limit = 0.0 if measure == "exact" else limit

    def verdict(value: float, remark: str = "") -> Deviation:
        return Deviation(output, measure, value, limit, remark)

    if ours.shape != recorded.shape:
        return verdict(math.inf, f"shape {tuple(ours.shape)}, not {tuple(recorded.shape)}")
    a, b = ours.detach().cpu().double().flatten(), recorded.double().flatten()
    if measure == "exact":
        return verdict(float(((a != b) & ~(a.isnan() & b.isnan())).sum()))
    finite = b.isfinite()
    if not torch.equal(finite, a.isfinite()) or not _same(a[~finite], b[~finite]):
        return verdict(math.inf, "not finite in the same places")
    error, size = (a - b)[finite].abs(), b[finite].abs()
    if not error.numel() or not error.max():
        return verdict(0.0)
    if measure == "rel":
        error = torch.where(error == 0, 0.0, error / size)
    value = error.max().item()
    if measure == "rel_to_max":
        largest = size.max().item()
        value = value / largest if largest else math.inf
    return verdict(value)


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.isnan(), b.isnan()) and torch.equal(a[~a.isnan()], b[~b.isnan()])
