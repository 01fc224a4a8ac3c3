"""`measure` with what a paper measures otherwise: a case's own number of samples, its own scalars.

The papers' squared errors count the first frame of an image, which every forecast has right, and
are those of the first 1, 2, 4, ... samples; names here begin with `paper_`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from kinecast.bench.case import Case
from kinecast.bench.contestant import Contestant
from kinecast.bench.measure import scored
from kinecast.bench.measures.clocks import clocked
from kinecast.bench.results import Result
from kinecast.bench.suite import Measure
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics.sample_mse import sample_errors

Futures = Sequence[Tracks]
Scalars = Callable[[Case, Futures, int], dict[str, float]]
Forecasts = Callable[[Contestant, Case, int, int], tuple[Futures, dict[str, float]]]


def with_scalars(scalars: Scalars, forecasts: Forecasts = clocked) -> Measure:
    """`measure`, and scalars of a suite's own; of a case with `about["k"]` at most so many samples.

    Args:
        scalars: of a case, the futures that were forecast, and how many were asked for.
        forecasts: draws them, as `clocked` does.
    """

    def measure(contestant: Contestant, case: Case, protocol: Mapping[str, Any]) -> Result:
        """Draw the case's futures and score them. Errors: `bench.measure.measure`."""
        k, seed = int(protocol["k"]), int(protocol["seed"])
        k = min(k, int(case.about.get("k", k)))
        futures, cost = forecasts(contestant, case, k, seed)
        found = vars(scored(contestant.name, case, futures, protocol))
        cost = {"samples": float(len(futures)), **cost}
        own = scalars(case, futures, k)
        return Result(**{**found, "scalars": {**found["scalars"], **own}, "cost": cost})

    return measure


def squared_errors(
    case: Case, futures: Futures, asked: int, counts: Sequence[int]
) -> dict[str, float]:
    """MeanT, Mean and Min MSE of the first samples, pixels^2 of 128 x 128, and Single of one.

    Args:
        counts: `paper_min_mse_k8`, ...: those that were asked for. A deterministic forecast has one
            sample in place of any number.

    Raises:
        UserError: a truth that does not know where hidden points are.
    """
    truth = _tracks_first(case, case.truth)
    if not truth.isfinite().all():
        raise UserError(f"expected tracks of case {case.id} that are known throughout, got others")
    ours = torch.stack([_tracks_first(case, future) for future in futures])
    found = {"paper_single_mse": float(sample_errors(ours[:1], truth).mean)}
    for k in (count for count in counts if count <= asked):
        errors = sample_errors(ours[:k], truth)
        found[f"paper_mean_track_mse_k{k}"] = float(errors.mean_track)
        found[f"paper_mean_mse_k{k}"] = float(errors.mean)
        found[f"paper_min_mse_k{k}"] = float(errors.best.error)
    return found


def pixel_mse(case: Case, futures: Futures, asked: int) -> dict[str, float]:
    """`paper_mse` of the first sample: pixels^2 of the case's own frame, mean over points, frames
    with the first one, and both coordinates; NaN positions of the truth do not count."""
    off = futures[0].xy.astype(np.float64) - case.truth.xy
    squared = np.concatenate([np.zeros((1, *off.shape[1:])), np.square(off)])
    known = np.isfinite(squared)
    return {"paper_mse": float(squared[known].mean())}


def _tracks_first(case: Case, future: Tracks) -> torch.Tensor:
    """(N, T + 1, 2) in [-1, 1], the image's own frame first."""
    xy = np.concatenate([case.history.xy[-1:], future.xy]).astype(np.float64)
    return torch.from_numpy(coords.normalise(xy, case.size)).transpose(0, 1)
