"""How good the samples are as a set: near the truth, as spread as it is, and calibrated."""

from functools import partial

import numpy as np

from kinecast.bench.measures.judged import Judged
from kinecast.bench.measures.sheet import Sheet
from kinecast.core.errors import UserError
from kinecast.metrics import fvmd
from kinecast.metrics.best_of_k import pair_errors
from kinecast.metrics.coverage import coverage
from kinecast.metrics.crps import crps
from kinecast.metrics.diversity import deviation, pairwise_distance
from kinecast.metrics.energy_score import energy_score
from kinecast.metrics.fvmd_scene import fvmd_scene
from kinecast.metrics.scene_variance import scene_variance


def samples(sheet: Sheet, of: Judged) -> None:
    """Scores of the set of samples, against one truth, and against all where there are several."""
    sheet.one("energy_score", lambda: energy_score(of.xy, of.seen()))
    sheet.one("crps", lambda: crps(of.xy, of.seen()))
    sheet.one("coverage_error", lambda: coverage(of.xy, of.seen()).error)
    sheet.feature("coverage_ranks", lambda: coverage(of.xy, of.seen()).ranks[None])
    sheet.one("scene_variance", lambda: scene_variance(of.from_start(of.xy)))
    sheet.one("deviation", lambda: deviation(of.normalised()[0]))
    sheet.one("pairwise_distance", lambda: pairwise_distance(of.normalised()[0]))
    names = ("best_of_k_mse", "best_of_k_sqdist", "nearest_sample_mse")
    sheet.some(names, partial(_pairs, of))
    sheet.one("fvmd_scene", partial(_fvmd_scene, of))


def _pairs(of: Judged) -> dict[str, float]:
    """Pixels^2 of the frame."""
    errors = pair_errors(of.from_start(of.xy), of.from_start(of.reference()))
    return {
        "best_of_k_mse": errors.min(),
        "best_of_k_sqdist": 2 * errors.min(),  # the sum over both coordinates, not their mean
        "nearest_sample_mse": errors.min(axis=1).mean(),
    }


def _fvmd_scene(of: Judged) -> float:
    """FVMD of this scene's futures; FVMD(S) is the mean over scenes."""
    ours, theirs = _futures_of_grid(of, of.xy), _futures_of_grid(of, of.reference())
    return fvmd_scene(ours[None], theirs[None]).mean.combined


def scene_features(of: Judged) -> np.ndarray:
    """A row a sample, for FVMD of the futures of all scenes as one set."""
    return fvmd.features(_futures_of_grid(of, of.xy)).combined


def _futures_of_grid(of: Judged, xy: np.ndarray) -> np.ndarray:
    """Futures from their first frame, of points on a square grid.

    Raises:
        UserError: one true future alone, or other points.
    """
    if len(of.truths) < 2:
        raise UserError("expected several true futures of one first frame, got one")
    grid = of.case.history.grid
    if grid is None or grid.h != grid.w:
        raise UserError("expected points on a square grid, got others")
    return of.from_start(xy)
