"""Score a forecast beside every trivial opponent."""

from typing import Any

from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.forecast.baselines import OPPONENTS, baselines
from kinecast.metrics.evaluate import evaluate, evaluate_one

REST = "constant_position"


def score(forecast: Forecast, truth: Tracks, kind: str = "real") -> dict[str, Any]:
    """Errors of the model and of all baselines, in pixels of the frame.

    A history of one frame (a forecast from an image) shows no motion: every baseline is rest there,
    and rest alone is scored.

    Args:
        forecast: with its history, which the baselines forecast from too.
        truth: frames from the first after the history on; where some of the horizon is missing, the
            frames that are there count.
        kind: of data, "real" or "synthetic": decides the one opponent.

    Returns:
        {"opponent": name, "model": `evaluate`'s dict, "baselines": {name: {"ade", "fde", "moving":
        {"ade", "fde"}}}}; NaN where no such point is visible.

    Raises:
        UserError: points or frame sizes disagree, or the truth is never visible.
    """
    history, horizon = forecast.history, min(len(forecast[0]), len(truth))
    opponent, opponents = OPPONENTS[kind], baselines()
    if len(history) == 1:
        opponent, opponents = REST, {REST: opponents[REST]}
    return {
        "opponent": opponent,
        "model": evaluate(forecast, truth),
        "baselines": {
            name: evaluate_one(baseline(history, horizon), truth, history)
            for name, baseline in opponents.items()
        },
    }
