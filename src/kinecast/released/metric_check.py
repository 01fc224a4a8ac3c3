"""Compare recorded metrics with ours, number by number."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.released import metric_replay, trajloom_metrics
from kinecast.released.case import Case, read_json
from kinecast.released.check import Deviation, deviation, tolerance
from kinecast.released.metric_layout import check_layout, inputs_of

KIND = "metrics"


def is_metric(case: Case) -> bool:
    """Whether a case records metrics, not a network."""
    return case.kind == KIND


def check_metrics(case: Case) -> list[Deviation]:
    """Replay a case of metrics and compare every recorded number.

    Raises:
        UserError: a case of a network, arrays or settings that are missing or not known, or numbers
            that the replay does not give.
    """
    if not is_metric(case):
        raise UserError(
            f"expected a case of metrics in {case.folder}, got {case.system}, {case.kind}; "
            "networks are checked by: kinecast import-weights --check CASE"
        )
    outputs = read_json(case.path(case.about["outputs"]))
    inputs = {name: array.numpy() for name, array in case.inputs.items()}
    section = case.about["tolerance"]
    try:
        if case.system == "trajloom":
            ours, recorded = trajloom_metrics.replay(case, inputs, outputs)
        else:
            kind = metric_replay.kind_of(inputs)
            ours, recorded = _replay(kind, inputs, outputs)
            section = section if isinstance(section, Mapping) else kind.tolerance
    except (TypeError, ValueError, AttributeError) as error:  # settings that are no numbers
        raise UserError(
            f"expected numbers and settings as in other cases in {case.folder}, got: {error}"
        ) from error
    if not recorded:
        raise UserError(f"expected recorded numbers in {case.folder}, got none")
    missing = [name for name in recorded if name not in ours]
    if missing:
        raise UserError(
            f"expected a replay of every number of {case.folder}, got none of {', '.join(missing)}"
        )
    return [
        deviation(name, _tensor(name, ours[name]), _tensor(name, value), tolerance(section, name))
        for name, value in recorded.items()
    ]


def _replay(
    kind: metric_replay.Kind, inputs: metric_replay.Arrays, outputs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Our value and the recorded one of every number; some are recorded beside the inputs."""
    check_layout(inputs, kind.layout)
    given = inputs_of(inputs, kind.layout)
    beside = {name: array for name, array in inputs.items() if name not in given}
    return flat(kind.replay(inputs, outputs)), flat(outputs) | beside


def flat(numbers: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers and arrays of numbers by their nested names, joined by dots; words are left out."""
    found: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif not isinstance(value, str | bool):
            found[prefix + name] = value
    return found


def _tensor(name: str, value: Any) -> Tensor:
    try:
        return torch.from_numpy(np.asarray(value, np.float64))
    except (TypeError, ValueError) as error:
        raise UserError(f"expected numbers for {name}, got: {error}") from error
