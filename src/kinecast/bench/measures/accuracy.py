"""How far the samples are from what happened."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float32

from kinecast.bench.measures.judged import Judged
from kinecast.bench.measures.sheet import Sheet
from kinecast.core import coords
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.metrics import displacement
from kinecast.metrics.horizon import error_over_horizon
from kinecast.metrics.min_ade import min_fde, sample_ades
from kinecast.metrics.miss_rate import miss_rate
from kinecast.metrics.pck import pck
from kinecast.metrics.poke_epe import poke_epe
from kinecast.metrics.sample_mse import sample_errors
from kinecast.metrics.tapvid import FRAME, THRESHOLDS, tapvid

DISPLACEMENT = ("mean_ade", "best_ade", "sample_ade", "mean_fde", "best_fde")
PCK = ("delta_avg", *(f"pck_{d}" for d in THRESHOLDS))
TAPVID = ("average_jaccard", "occlusion_accuracy")
AT_THE_END = "expected points that are seen in the last frame"


def accuracy(sheet: Sheet, of: Judged) -> None:
    """All points, and (moving_...) those that move; pixels, of the case's frame if none is named.

    mean_, best_, sample_: of the samples' mean, of the sample with the lowest ADE, and one sample
    on average.
    """
    _displacement(sheet, of.xy, of.seen, "")
    _displacement(sheet, of.xy, of.seen_moving, "moving_")
    sheet.some(("mean_track_mse", "mean_mse", "min_mse"), partial(_squared, of))
    sheet.some(TAPVID, partial(_tapvid, of))
    sheet.one("poke_epe", partial(_poke_epe, of))
    _curves(sheet, of)


def _displacement(
    sheet: Sheet, xy: Float32[np.ndarray, "k t n 2"], seen: Callable[[], Tracks], prefix: str
) -> None:
    def named(scores: Mapping[str, float]) -> dict[str, float]:
        return {prefix + name: value for name, value in scores.items()}

    def displaced() -> dict[str, float]:
        truth = seen()
        return named(displacement.of_samples(xy, truth, np.ones(truth.count, bool)))

    def at_the_end() -> dict[str, float]:
        truth = seen()
        if not truth.visible[-1].any():
            raise UserError(f"{AT_THE_END}, got none")
        allowed = displacement.MOVING_FRACTION * coords.diagonal(truth.size)
        return named({"min_fde": min_fde(xy, truth), "miss_rate": miss_rate(xy, truth, allowed)})

    def near() -> dict[str, float]:
        return named(pck(xy.mean(axis=0, dtype=np.float64), seen()))

    sheet.some(tuple(prefix + name for name in DISPLACEMENT), displaced, no_number=AT_THE_END)
    sheet.some((f"{prefix}min_fde", f"{prefix}miss_rate"), at_the_end)
    sheet.some(tuple(prefix + name for name in PCK), near)


def _squared(of: Judged) -> dict[str, float]:
    """MeanT, Mean and Min of ATM's protocol: pixels^2 of a 128 x 128 frame."""
    errors = sample_errors(*of.normalised())
    return {
        "mean_track_mse": float(errors.mean_track),
        "mean_mse": float(errors.mean),
        "min_mse": float(errors.best.error),
    }


def _tapvid(of: Judged) -> dict[str, float]:
    """Of one sample on average; every frame counts, none is a query's."""
    of.seen()
    shape = (len(of.futures), of.truth.count)
    ours = np.stack([future.visible for future in of.futures]).swapaxes(1, 2)
    xy, true_xy = (
        coords.resize(x.astype(np.float64), of.truth.size, FRAME).swapaxes(-3, -2)
        for x in (of.xy, of.truth.xy)
    )
    hidden = np.broadcast_to(~of.truth.visible.T, ours.shape)
    where = np.broadcast_to(true_xy, xy.shape)
    scores = tapvid(np.full(shape, -1.0), hidden, where, ~ours, xy, mode="first")
    return {name: float(np.mean(scores[name])) for name in TAPVID}


def _poke_epe(of: Judged) -> float:
    """Distance of poked points to where they were told to be then; of a 128 x 128 frame."""
    pokes, poked = of.case.pokes, of.case.poked
    if pokes is None or not len(pokes):
        raise UserError("expected pokes, got none")
    last = len(of.truth) - 1
    frame = np.clip(np.rint(pokes.time * (last + 1)).astype(int) - 1, 0, last)
    ours, told = (
        torch.from_numpy(coords.normalise(xy, of.truth.size)[..., None, :])
        for xy in (of.xy[:, frame, poked], pokes.end)
    )
    return float(poke_epe(ours, told, len(pokes)))


def _curves(sheet: Sheet, of: Judged) -> None:
    """Error over the horizon."""
    if not of.truth.visible.any():
        return
    each = np.stack([_curve(xy, of.truth) for xy in of.xy])
    sheet.curves["mean_ade"] = _curve(of.xy.mean(axis=0, dtype=np.float64), of.truth)
    sheet.curves["best_ade"] = each[int(np.argmin(sample_ades(of.xy, of.truth)))]
    sheet.curves["sample_ade"] = each.mean(axis=0)


def _curve(xy: Float[np.ndarray, "t n 2"], truth: Tracks) -> Float32[np.ndarray, " t"]:
    curve = error_over_horizon(xy, truth)
    whole = np.full(len(truth), np.nan, np.float32)
    whole[curve.frame] = curve.error
    return whole
