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

KIND = "metrics"
# Recorded beside the arrays that went in; the rest of the inputs is not ours to compute.
RESULTS = (
    "velocity_gt",
    "acceleration_gt",
    "hist",
    "hist_v_gt",
    "hist_a_gen",
    "strided_trackgroup",
)
RESULT_ENDS = ("_query_points", "_target_points")
QUERIES = ("first_occluded", "strided_occluded")


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
    if case.system == "trajloom":
        ours, recorded = trajloom_metrics.replay(case, inputs, outputs)
    else:
        kind = metric_replay.kind_of(inputs)
        ours = flat(kind.replay(inputs, outputs))
        recorded = flat(outputs) | {name: x for name, x in inputs.items() if _is_result(name)}
        section = section if isinstance(section, Mapping) else kind.tolerance
    missing = [name for name in recorded if name not in ours]
    if missing:
        raise UserError(
            f"expected a replay of every number of {case.folder}, got none of {', '.join(missing)}"
        )
    return [
        deviation(name, _tensor(ours[name]), _tensor(value), tolerance(section, name))
        for name, value in recorded.items()
    ]


def flat(numbers: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Numbers and arrays of numbers by their nested names, joined by dots; words are left out."""
    found: dict[str, Any] = {}
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif not isinstance(value, str | bool):
            found[prefix + name] = value
    return found


def _is_result(name: str) -> bool:
    return name in (*RESULTS, *QUERIES) or name.endswith(RESULT_ENDS)


def _tensor(value: Any) -> Tensor:
    return torch.from_numpy(np.asarray(value, np.float64))
