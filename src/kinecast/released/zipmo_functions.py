"""Replay of ZipMo's recorded functions: metrics, positions, rotations, strided sets.

What was computed is told by an array's name; sizes by the name or by the recorded array.
"""

import re
from collections.abc import Callable

import torch
from torch import Tensor

from kinecast.core.errors import UserError
from kinecast.metrics.diversity import deviation, pairwise_distance
from kinecast.metrics.lost import filled
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.sample_mse import sample_errors
from kinecast.released.case import Case
from kinecast.systems.zipmo.dense import strided_sets
from kinecast.systems.zipmo.positions import centres, plane
from kinecast.systems.zipmo.rope import (
    THETA_10,
    THETA_40,
    SpaceTimeRope,
    angles,
    index_rope,
    plane_rope,
    rotation,
)

Find = Callable[[Case, re.Match[str]], Tensor]
THETA = {"40": THETA_40, "10": THETA_10}


def functions(case: Case) -> dict[str, Tensor]:
    """Our value of every recorded array.

    Raises:
        UserError: an array of a name that is not known.
    """
    return {name: _value(case, name) for name in case.outputs}


def _value(case: Case, name: str) -> Tensor:
    for pattern, find in FUNCTIONS.items():
        match = re.fullmatch(pattern, name)
        if match:
            return find(case, match)
    raise UserError(f"expected a recorded function of ZipMo that is known, got {name}")


def _metric(case: Case, match: re.Match[str]) -> Tensor:
    """Errors of all samples, plain or relative to the tracks' lengths."""
    return _error(case.inputs["pred"], case, match["what"], relative=match["how"] == "normalized")


def _resampled_metric(case: Case, match: re.Match[str]) -> Tensor:
    """Errors of a forecast of more frames than the truth."""
    return _error(case.inputs["pred_2T"], case, match["what"])


def _some(case: Case, match: re.Match[str]) -> Tensor:
    """Metrics of the first k samples that n pokes steered."""
    forecast, what = case.inputs["pred"][: int(match["k"])], match["what"]
    if what == "EPE":
        value = poke_epe(forecast, case.inputs["gt"], int(match["n"]))
    elif what == "std_diversity":
        value = deviation(forecast)
    elif what == "diversity_pairwise":
        value = pairwise_distance(forecast)
    else:
        return _error(forecast, case, what)
    return value[None]


def _error(forecast: Tensor, case: Case, what: str, *, relative: bool = False) -> Tensor:
    power = 1 if what.endswith("L1") else 2
    e = sample_errors(forecast, case.inputs["gt"], power=power, relative=relative)
    values = {"MeanT": e.mean_track, "Mean": e.mean, "Min": e.best.error}
    if "Idx" in what:
        return torch.tensor([e.best.sample])
    return values[what.partition("_")[0]][None]


def _frequencies(case: Case, match: re.Match[str]) -> Tensor:
    heads, n = case.outputs[match[0]].shape[-2:]
    rope = SpaceTimeRope(heads, 8 * n, THETA[match["theta"]])
    return rope.yx if match["axis"] == "yx" else rope.time


def _angles(case: Case, match: re.Match[str]) -> Tensor:
    return angles(*_turned(case, match["theta"])).transpose(1, 2)


def _rotated(case: Case, match: re.Match[str]) -> Tensor:
    return rotation(*_turned(case, match["theta"]))(case.outputs[f"rope{match['theta']}_x"])


def _turned(case: Case, theta: str) -> tuple[Tensor, Tensor]:
    """Recorded positions and frequencies, in the order t, y, x."""
    time, yx = (case.outputs[f"rope{theta}_{axis}_freqs"] for axis in ("t", "yx"))
    return case.outputs[f"rope{theta}_pos"], torch.cat([time[None], yx])


def _axial(case: Case, match: re.Match[str]) -> Tensor:
    _, heads, n = case.outputs[match[0]].shape
    rope = index_rope(heads, 4 * n) if match["d"] == "1" else plane_rope(heads, 8 * n)
    return rope.frequency


def _strided(case: Case, match: re.Match[str]) -> Tensor:
    """Points numbered row by row, y and x in turn, in their sets."""
    side, chunk = int(match["side"]), int(match["chunk"])
    numbers = torch.arange(2.0 * side * side).view(-1, 2)
    sets = strided_sets(side, side, (side // chunk, side // chunk))
    return torch.stack([numbers[points].view(chunk, chunk, 2) for points in sets])


ERRORS = r"(?P<what>(MeanT|Mean|Min)_(MSE|L1)|Min_Idx(_L1)?)"
FUNCTIONS: dict[str, Find] = {
    rf"(?P<how>plain|normalized)_{ERRORS}": _metric,
    rf"interp_down_{ERRORS}": _resampled_metric,
    rf"full_k(?P<k>\d+)_(?P<n>\d+)pokes_{ERRORS}": _some,
    r"full_k(?P<k>\d+)_(?P<n>\d+)pokes_(?P<what>EPE|std_diversity|diversity_pairwise)": _some,
    r"inpainted": lambda case, _: filled(case.inputs["pred_nan"], case.inputs["gt"]),
    r"axial_pos_(\d+)x(\d+)": lambda _, match: plane(int(match[1]), int(match[2])),
    r"centers_(\d+)": lambda _, match: centres(int(match[1])),
    r"rope(?P<theta>40|10)_(?P<axis>yx|t)_freqs": _frequencies,
    r"rope(?P<theta>40|10)_theta": _angles,
    r"rope(?P<theta>40|10)_out": _rotated,
    r"rope(40|10)_(pos|x)": lambda case, match: case.outputs[match[0]],  # what went in
    r"rope(?P<d>1|2)d_freqs": _axial,
    r"chunk(?P<side>\d+)_(?P<chunk>\d+)": _strided,
}
