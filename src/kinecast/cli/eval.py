"""`kinecast eval`: score a forecast or tracks against the truth, and check recorded metrics."""

import json
import math
from pathlib import Path
from typing import Annotated, Literal

import tyro
from tyro.conf import Positional

from kinecast.cli.checks import check_cases
from kinecast.cli.eval_outputs import forecast_of
from kinecast.cli.score_table import jsonable, print_scores
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.forecast.score import score
from kinecast.io.forecast_file import KIND, load_forecast
from kinecast.io.formats import read
from kinecast.io.npz import read_kind
from kinecast.metrics import tapvid
from kinecast.released.case import Case
from kinecast.released.metric_check import check_metrics, is_metric


def evaluate(
    file: Annotated[Positional[Path | None], tyro.conf.arg(metavar="FILE")] = None,
    *,
    truth: Path | None = None,
    at: int = 0,
    from_: Annotated[str | None, tyro.conf.arg(name="from")] = None,
    kind: Literal["real", "synthetic"] = "real",
    check: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="CASE...")] = (),
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> int:
    """Score a forecast or tracks against the truth.

    kinecast eval forecast.npz --truth tracks.npz: errors of the futures, beside those of trivial
    forecasts from the same history.

    kinecast eval tracks.npz --truth tracks.npz: TAP-Vid metrics of a tracker.

    kinecast eval FILE --from READER --truth tracks.npz --at FRAME: what another method wrote.

    kinecast eval --check CASE...: recorded numbers of the published metric code against ours.

    Args:
        file: a forecast.npz, or tracks of the truth's points on its frames.
        truth: a track file of the same points, on frames of the same size.
        at: frame of the truth at which the file's first frame lies; with --from the first that is
            forecast.
        from_: READER or 'READER?key=value&...' of docs/other-methods.md; the history is the truth
            before --at.
        kind: of data; decides which trivial forecast is the opponent.
        check: folders of recorded metrics, or folders of such folders. Exit status 1 beyond
            tolerance, 2 for a case that cannot be read.
        json_: print one JSON object.
    """
    if check:
        return check_cases(check, check_metrics, _is_network, "networks", json_)
    if file is None or truth is None:
        raise UserError("expected FILE and --truth FILE, or --check CASE, got less")
    tracks = read(truth)
    if not 0 <= at < len(tracks):
        raise UserError(f"expected --at from 0 to {len(tracks) - 1}, a frame of {truth}, got {at}")
    if from_ is not None:
        futures = forecast_of(file, from_, tracks, at, truth.stem)
        _score_forecast(futures, tracks.split(at)[1], kind, json_)
        return 0
    tracks = tracks.window(at, len(tracks))
    if file.suffix.lower() == ".npz" and read_kind(file) == KIND:
        _score_forecast(load_forecast(file), tracks, kind, json_)
    else:
        _score_tracks(read(file), tracks, json_)
    return 0


def _score_forecast(futures: Forecast, truth: Tracks, kind: str, json_: bool) -> None:
    scores = score(futures, truth, kind)
    if json_:
        print(json.dumps(jsonable(scores), allow_nan=False))
    else:
        print_scores(scores, len(futures))


def _score_tracks(tracks: Tracks, truth: Tracks, json_: bool) -> None:
    scores = tapvid.score(tracks, truth)
    if json_:
        print(json.dumps(jsonable(scores), allow_nan=False))
        return
    for name, value in scores.items():
        print(f"{name:<26}{'-' if math.isnan(value) else f'{100 * value:.1f} %'}")


def _is_network(case: Case) -> bool:
    return not is_metric(case)
