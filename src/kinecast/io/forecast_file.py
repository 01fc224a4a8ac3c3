"""The forecast file, `forecast.npz` (docs/formats.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks
from kinecast.io.npz import NpzReader, frame_arrays, json_array, take_frame, write_npz

KIND = "kinecast-forecast"
VERSION = 1


@dataclass(frozen=True, eq=False)
class ForecastFile(Forecast):
    """A forecast and where it came from.

    Attributes:
        provenance: model, tracker, seed, versions.
    """

    provenance: Mapping[str, Any]


def save_forecast(
    path: str | Path,
    futures: Sequence[Tracks],
    visible_prob: Float[np.ndarray, "k t n"],
    history: Tracks,
    provenance: Mapping[str, Any],
) -> None:
    """Write K futures and their history; the same values give the same bytes.

    Raises:
        UserError: the futures disagree with each other or with the history in points or size, the
            name does not end in .npz, or the file cannot be written.
    """
    checked = Forecast(tuple(futures), np.asarray(visible_prob, np.float16), history)
    arrays = {
        "xy": np.stack([future.xy for future in futures]),
        "visible": np.stack([future.visible for future in futures]),
        "visible_prob": checked.visible_prob,
        "history_xy": history.xy,
        "history_visible": history.visible,
        "history_query_frame": history.query_frame,
    }
    if history.confidence is not None:
        arrays["history_confidence"] = history.confidence
    arrays |= frame_arrays(history.size, history.fps, history.grid)
    arrays["history_source"] = json_array(history.source)
    write_npz(path, KIND, VERSION, arrays | {"provenance": json_array(provenance)})


def load_forecast(path: str | Path) -> ForecastFile:
    """Read a forecast; every future carries the provenance as its source.

    Raises:
        UserError: no such file, not a forecast file, a newer version, a missing key, a wrong dtype
            or shape, a visible point that is not finite.
    """
    file = NpzReader(path, KIND, VERSION)
    xy = file.take("xy", "float32", (None, None, None, 2))
    K, T, N = xy.shape[:3]
    visible = file.take("visible", "bool", (K, T, N))
    history_xy = file.take("history_xy", "float32", (None, N, 2))
    S = len(history_xy)
    provenance = file.take_json("provenance")
    try:
        frame = take_frame(file)
        history = Tracks(
            xy=history_xy,
            visible=file.take("history_visible", "bool", (S, N)),
            query_frame=file.take("history_query_frame", "int64", (N,)),
            confidence=(
                file.take("history_confidence", "float32", (S, N))
                if "history_confidence" in file
                else None
            ),
            source=file.take_json("history_source"),
            **frame,
        )
        futures = tuple(Tracks(xy[k], visible[k], source=provenance, **frame) for k in range(K))
        visible_prob = file.take("visible_prob", "float16", (K, T, N))
        return ForecastFile(futures, visible_prob, history, provenance)
    except UserError as error:
        if str(file.path) in str(error):
            raise
        raise UserError(f"{file.path}: {error}") from error
