"""What the choices around a model are worth: held-out clips, one thing changed at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kinecast.core.tracks import Tracks
from kinecast.data.synth import generate
from kinecast.forecast.baselines import OPPONENTS, forecast
from kinecast.forecast.forecaster import Forecaster
from kinecast.metrics import displacement

SEED = 2_000_003  # as of the suite `worlds`: neither trained nor validated on
SAMPLES = 8


@dataclass(frozen=True)
class Switch:
    """A way to forecast a history; gives samples (k, t, n, 2) in pixels.

    Attributes:
        name: what is changed.
        now: points are laid on the last history frame instead of the first.
        run: forecaster and history -> samples.
    """

    name: str
    run: Callable[[Forecaster, Tracks], np.ndarray]
    now: bool = False


def _samples(**options: object) -> Callable[[Forecaster, Tracks], np.ndarray]:
    def run(forecaster: Forecaster, history: Tracks) -> np.ndarray:
        futures = forecaster.forecast(history, k=SAMPLES, seed=0, **options)  # type: ignore[arg-type]
        return np.stack([future.xy for future in futures])

    return run


def _last(frames: int) -> Callable[[Forecaster, Tracks], np.ndarray]:
    def run(forecaster: Forecaster, history: Tracks) -> np.ndarray:
        return _samples()(forecaster, history.window(len(history) - frames, len(history)))

    return run


SWITCHES = (
    Switch("as shipped: 81 frames of history, points laid first, Euler 10", _samples()),
    Switch("24 frames of history", _last(24)),
    Switch("8 frames of history", _last(8)),
    Switch("points laid now", _samples(), now=True),
    Switch("Euler, 5 steps", _samples(steps=5)),
    Switch("Euler, 40 steps", _samples(steps=40)),
    Switch("Heun, 10 steps", _samples(solver="heun")),
)


def measure(forecaster: Forecaster, clips: int) -> Iterator[dict[str, object]]:
    """One row a switch: errors over the synthetic opponent's on the same points."""
    window = forecaster.system.needs.frames
    for switch in SWITCHES:
        anchor = window - 1 if switch.now else 0
        worlds = generate("mix", seed=SEED, n=clips, frames=2 * window, anchor=anchor)
        ours, theirs = [], []
        for i in range(clips):
            history, truth = worlds.clip(i).tracks.split(window)
            everything = np.ones(truth.count, bool)
            opponent = forecast(OPPONENTS["synthetic"], history, window)
            theirs.append(displacement.ade(opponent.xy, truth, everything))
            scores = displacement.of_samples(switch.run(forecaster, history), truth, everything)
            ours.append([scores["mean_ade"], scores["best_ade"], scores["sample_ade"]])
        mean, best, one = np.nanmean(np.array(ours), axis=0) / np.nanmean(theirs)
        yield {"switch": switch.name, "mean": mean, "best": best, "sample": one}


def table(rows: list[dict[str, object]]) -> str:
    """Markdown."""
    lines = ["| one thing changed | mean of 8 | best of 8 | one sample |", "|---|---|---|---|"]
    for row in rows:
        numbers = " | ".join(f"{row[name]:.3f}" for name in ("mean", "best", "sample"))
        lines.append(f"| {row['switch']} | {numbers} |")
    return "\n".join(lines)
