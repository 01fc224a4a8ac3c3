"""How well the forecast says which points will be seen."""

import numpy as np

from kinecast.bench.measures.judged import Judged
from kinecast.bench.measures.sheet import Sheet
from kinecast.core.errors import UserError
from kinecast.metrics import visibility
from kinecast.metrics.visibility_calibration import Calibration, calibration


def seen(sheet: Sheet, of: Judged) -> None:
    """Decisions of all samples, and probabilities where the forecast states them."""
    truth = of.truth.visible
    sheet.one("visibility_f1", lambda: visibility.f1([f.visible for f in of.futures], truth))
    sheet.one("visibility_ap", lambda: visibility.average_precision(_probability(of), truth))
    sheet.one("hidden_ap", lambda: _hidden(of))
    names = ("visibility_calibration_error", "visibility_brier")
    sheet.some(names, lambda: dict(zip(names, _errors(of), strict=True)))
    sheet.feature("visibility_calibration", lambda: _bins(calibration(_probability(of), truth)))


def _probability(of: Judged) -> np.ndarray:
    if of.probability is None:
        raise UserError("expected a probability that each point is seen, got none")
    return of.probability.astype(np.float64)


def _hidden(of: Judged) -> float:
    hidden = ~of.truth.visible
    if not hidden.any():
        raise UserError("expected points that are hidden in the truth, got none")
    return visibility.average_precision(1 - _probability(of), hidden)


def _errors(of: Judged) -> tuple[float, float]:
    found = calibration(_probability(of), of.truth.visible)
    return found.error, found.brier


def _bins(found: Calibration) -> np.ndarray:
    """Mean probability, share that is seen, and count of each bin that holds any."""
    return np.stack([found.predicted, found.observed, found.count], axis=1)
