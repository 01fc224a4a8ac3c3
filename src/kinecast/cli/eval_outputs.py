"""What another method wrote, as a forecast that `kinecast eval` scores."""

from pathlib import Path

import numpy as np

from kinecast.bench.case import Case
from kinecast.bench.contestants.outputs import outputs
from kinecast.core.errors import UserError
from kinecast.core.forecast import Forecast
from kinecast.core.tracks import Tracks


def forecast_of(file: Path, source: str, tracks: Tracks, at: int, scene: str) -> Forecast:
    """All samples of one file or folder.

    Args:
        file: what the method wrote.
        source: READER or READER?key=value&... of docs/other-methods.md.
        tracks: the points before and after.
        at: the first frame that is forecast; those before are the history.
        scene: what a file of many clips calls this one.

    Raises:
        UserError: no history, no such file, or what the reader says.
    """
    if not 1 <= at < len(tracks):
        raise UserError(
            f"expected --at from 1 to {len(tracks) - 1} with --from, the first frame that is "
            f"forecast, got {at}"
        )
    if not file.exists():
        raise UserError(f"no such file or folder: {file}; check the path")
    history, truth = tracks.split(at)
    name = file.name if file.is_dir() else file.stem
    case = Case(id=name, scene=scene, group="", history=history, truths=(truth,))
    reader, mark, options = source.partition("?")
    contestant = outputs(f"{reader}:{file.absolute().parent}{mark}{options}", "auto")
    why = contestant.refuses(case)
    if why is not None:
        raise UserError(f"expected a forecast of {reader} in {file}: {why}")
    futures = contestant.every(case)
    seen = np.stack([future.visible for future in futures]).astype(np.float16)
    return Forecast(tuple(futures), seen, history)
