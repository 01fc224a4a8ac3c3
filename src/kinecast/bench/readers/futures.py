"""From what a method wrote to futures of a case: its frame, its points, its frames in time.

Points that the method lost (positions that are not finite) stay where they were last, as ZipMo's
evaluation fills them (arXiv 2604.11737), and count as not seen.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float32

from kinecast.bench.case import Case
from kinecast.bench.readers.base import Output
from kinecast.bench.readers.fit import HOW, Fit
from kinecast.bench.readers.options import Options
from kinecast.bench.readers.points import RULES as POINT_RULES
from kinecast.bench.readers.points import at_points, points_now
from kinecast.bench.readers.times import RULES as TIME_RULES
from kinecast.bench.readers.times import at_places, flags_at, places
from kinecast.core import coords
from kinecast.core.tracks import Tracks
from kinecast.metrics.lost import filled

FIT_OPTION = f"fit={'|'.join(HOW)}: how the case's frame became the one that the method saw"
TIME_OPTIONS = (
    f"time={'|'.join(TIME_RULES)}: how steps become frames of the case",
    "fps=NUMBER of steps a second, instead of time",
)
OPTIONS = (
    f"points={'|'.join(POINT_RULES)}: how the method's points become the case's",
    FIT_OPTION,
    *TIME_OPTIONS,
)


def futures(output: Output, case: Case, options: Options) -> list[Tracks]:
    """All samples, as futures of the case's points.

    Raises:
        RefusalError: they end before the case does, or go by seconds where it has no frame rate.
        UserError: as `points` and `fit`.
    """
    fit = Fit.of(case.size, output.size, options)
    xy, visible = at_points(output, case, fit, options)
    steps = output.xy.shape[1] + output.first
    place = places(steps, case.horizon, case.history.fps, options, output.fps)
    now = points_now(case)
    if output.first:
        xy = np.concatenate([np.broadcast_to(now, (len(xy), 1, *now.shape)), xy], axis=1)
        if visible is not None:
            seen = np.broadcast_to(case.history.visible[-1], (len(xy), 1, len(now)))
            visible = np.concatenate([seen, visible], axis=1)
    return timed(xy, visible, place, case)


def timed(
    xy: Float32[np.ndarray, "k t n 2"],
    visible: Bool[np.ndarray, "k t n"] | None,
    place: np.ndarray,
    case: Case,
) -> list[Tracks]:
    """Futures from steps; step 0 is the last seen moment.

    Args:
        xy: pixels of the case's frame; not finite where lost.
        visible: None: a point is taken as seen while it is inside the frame.
        place: see `times.places`.
        case: whose points they are.
    """
    now = points_now(case)
    lost = ~np.isfinite(xy).all(-1)
    if lost.any():
        tracks = torch.from_numpy(np.ascontiguousarray(xy.swapaxes(1, 2)))
        xy = filled(tracks, torch.from_numpy(now)[:, None]).numpy().swapaxes(1, 2)
    positions = np.ascontiguousarray(at_places(xy, place), np.float32)
    if visible is None:
        seen = coords.inside(positions, case.size)
    else:
        seen = flags_at(visible, place)
    seen = seen & ~flags_at(lost, place)
    return [
        Tracks(sample, flags, case.size, fps=case.history.fps, grid=case.history.grid)
        for sample, flags in zip(positions, seen, strict=True)
    ]
