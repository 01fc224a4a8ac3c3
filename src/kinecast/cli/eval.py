"""`kinecast eval`: score a forecast file against what happened."""

import json
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from kinecast.cli.score_table import jsonable, print_scores
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.forecast.score import score
from kinecast.io.forecast_file import load_forecast
from kinecast.io.formats import read


def evaluate(
    forecast: Positional[Path],
    truth: Positional[Path],
    *,
    at: int = 0,
    kind: Literal["real", "synthetic"] = "real",
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """Score a forecast against the truth, beside trivial forecasts of the same history.

    Args:
        forecast: a forecast.npz.
        truth: a track file of the same points, on frames of the same size.
        at: frame of the track file at which the future starts.
        kind: of data; decides which trivial forecast is the opponent.
        json_: print one JSON object.
    """
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
