"""Results: what a benchmark run leaves on disk, and how it is read back.

    RUN/run.json                     suite, version, size, protocol, hashes, models' facts, machine
    RUN/cases/LOT.parquet            one row a case: what is the same for all models
    RUN/models/NAME/LOT.parquet      one row a model and case

`measure` says what the numbers are called and what they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kinecast.core.coords import Size


@dataclass(frozen=True, eq=False)
class Result:
    """What one contestant did on one case: what `measure` returns.

    Attributes:
        scalars: name -> finite number. A metric that does not apply is not here but in `absent`.
        absent: name of a metric that does not apply -> why ("expected points that move").
        curves: name -> float32 (horizon,): a value for each future frame, NaN where no point is
            seen in that frame ("mean_ade", "best_ade", "sample_ade": the error over the horizon).
        features: name -> float32 (S, D), rows that set metrics and diagrams are computed from:
            "fvmd" (a row a window), "fvmd_long", "coverage_ranks" (1, K + 1), ...
        cost: by the clock of this machine, and so not repeatable: "seconds", "cpu_seconds",
            "peak_bytes", "best_ade_within_S_s", ...
        paths: for pictures: positions of the case's `picked` points in its `shown` frames, pixels
            xy, float16 (S, F, n, 2), S <= 4; None where there are none.
    """

    scalars: Mapping[str, float] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, np.ndarray] = field(default_factory=dict)
    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    cost: Mapping[str, float] = field(default_factory=dict)
    paths: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """A model on a case.

    Attributes:
        model, case: names.
        group, scene, kind: of the case.
        skipped: why the model could not do it ("" where it could); the result is empty then.
        result: the numbers.
    """

    model: str
    case: str
    group: str
    scene: str
    kind: str
    skipped: str
    result: Result


@dataclass(frozen=True, eq=False)
class CaseFacts:
    """What all models share in a case.

    Attributes:
        id, group, scene, kind, about: of the case.
        size: (W, H).
        history_frames, horizon, futures: T, frames to forecast, and how many truths.
        opponent: the fixed trivial forecast of this kind of data.
        scalars: "opponent_ade" and its like (`Result.scalars` of the opponent under "opponent_"),
            shares of the points that move and that are seen, and what needs no truth to compare
            with, of the truth itself ("motion", "flow_tv", "lrtl", ...).
        curves: float32 (horizon,): "opponent_ade".
        features: of the truth, beside `Result.features` of the same name.
        picked: int64 (n,), n <= 32: the points that paths are of.
        shown: int64 (F,), F <= 24: the frames of the horizon that paths hold, the last among them.
        history: pixels xy of the picked points, float16 (H, n, 2), in at most 24 frames of the
            history, the last among them; NaN where hidden.
        truth: of the first future in its shown frames, float16 (F, n, 2), NaN where hidden.
        jpeg: the last seen moment, at most 480 pixels wide, or None.
    """

    id: str
    group: str
    scene: str
    kind: str
    about: Mapping[str, Any]
    size: Size
    history_frames: int
    horizon: int
    futures: int
    opponent: str
    scalars: Mapping[str, float]
    curves: Mapping[str, np.ndarray]
    features: Mapping[str, np.ndarray]
    picked: np.ndarray
    shown: np.ndarray
    history: np.ndarray
    truth: np.ndarray
    jpeg: bytes | None = None


@dataclass(frozen=True, eq=False)
class Results:
    """A run, read.

    Attributes:
        folder: of the run.
        run: run.json: "suite", "version", "size", "data", "protocol", "protocol_hash", "lots",
            "models" (name -> facts), "machine", "packages".
        cases: by id, in the suite's order.
        rows: by model in the order of --models, then by case.
    """

    folder: Path
    run: Mapping[str, Any]
    cases: Mapping[str, CaseFacts]
    rows: tuple[Row, ...]

    def of(self, model: str) -> tuple[Row, ...]:
        """Rows of one model."""
        return tuple(row for row in self.rows if row.model == model)


def read(folder: Path) -> Results:
    """A run's results: everything that is there, complete or not.

    Raises:
        UserError: no run is there, or a part of it is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    from kinecast.bench.parts import read_run

    return read_run(folder)
