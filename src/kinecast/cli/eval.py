"""`kinecast eval`: score a forecast file against what happened, and check recorded metrics."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from kinecast.cli.checks import check_cases
from kinecast.cli.score_table import jsonable, print_scores
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.forecast.score import score
from kinecast.io.forecast_file import load_forecast
from kinecast.io.formats import read
from kinecast.released.case import Case
from kinecast.released.metric_check import check_metrics, is_metric


def evaluate(
    forecast: Annotated[Positional[Path | None], tyro.conf.arg(metavar="FORECAST")] = None,
    truth: Annotated[Positional[Path | None], tyro.conf.arg(metavar="TRUTH")] = None,
    *,
    at: int = 0,
    kind: Literal["real", "synthetic"] = "real",
    check: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="CASE...")] = (),
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Score a forecast against the truth, beside trivial forecasts of the same history.

    kinecast eval FORECAST TRUTH: a forecast file against a track file.

    kinecast eval --check CASE...: recorded numbers of the published metric code against ours.

    Args:
        forecast: a forecast.npz.
        truth: a track file of the same points, on frames of the same size.
        at: frame of the track file at which the future starts.
        kind: of data; decides which trivial forecast is the opponent.
        check: folders of recorded metrics, or folders of such folders. Exit status 1 beyond
            tolerance, 2 for a case that cannot be read.
        json_: print one JSON object.
    """
    if check:
        return check_cases(check, check_metrics, _is_network, "networks", json_)
    if forecast is None or truth is None:
        raise UserError("expected a forecast file and a track file, or --check CASE, got neither")
    file = load_forecast(forecast)
    tracks = read(truth)
    if not 0 <= at < len(tracks):
        raise UserError(f"expected --at from 0 to {len(tracks) - 1}, a frame of {truth}, got {at}")
    futures = Forecast(tuple(file.futures), file.visible_prob, file.history)
    scores = score(futures, tracks.window(at, len(tracks)), kind)
    if json_:
        print(json.dumps(jsonable(scores), allow_nan=False))
    else:
        print_scores(scores, len(futures))
    return 0


def _is_network(case: Case) -> bool:
    return not is_metric(case)
