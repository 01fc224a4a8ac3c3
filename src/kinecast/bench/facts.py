"""CaseFacts of a case: what does not depend on who forecasts it."""

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from kinecast.bench.case import Case
from kinecast.bench.measures import pictures
from kinecast.bench.measures.accuracy import accuracy
from kinecast.bench.measures.features import features
from kinecast.bench.measures.judged import Judged, judged
from kinecast.bench.measures.motion import motion
from kinecast.bench.measures.sheet import Sheet
from kinecast.bench.results import CaseFacts
from kinecast.forecast.baselines import OPPONENTS, forecast
from kinecast.forecast.score import REST
from kinecast.io.image import resize_image
from kinecast.metrics import displacement
from kinecast.metrics.scene_variance import scene_variance

WIDTH, QUALITY = 480, 80  # of the picture


def case_facts(case: Case, protocol: Mapping[str, Any]) -> CaseFacts:
    """Errors of the case's opponent, the truth's own motion and features, and a picture."""
    name, theirs = _opponent(case)
    truth = _truth(case, protocol)
    points = pictures.picked(case)
    seen = case.truth.visible
    shares = {"visible_share": float(seen.mean()), "moving_share": float(theirs.moving.mean())}
    errors = _errors(theirs)
    return CaseFacts(
        id=case.id,
        group=case.group,
        scene=case.scene,
        kind=case.kind,
        about=dict(case.about),
        size=case.size,
        history_frames=len(case.history),
        horizon=case.horizon,
        futures=len(case.truths),
        opponent=name,
        scalars={**shares, **_renamed(errors.scalars), **truth.scalars},
        curves=_renamed(errors.curves),
        features=truth.features,
        picked=points,
        shown=pictures.shown(case.horizon),
        history=pictures.drawn(case.history, points),
        truth=pictures.drawn(case.truth, points),
        jpeg=None if case.frame is None else _jpeg(case.frame.image),
    )


def _opponent(case: Case) -> tuple[str, Judged]:
    """The fixed trivial forecast; one frame shows no motion, and rest is all there is."""
    name = REST if len(case.history) == 1 else OPPONENTS[case.kind]
    return name, judged(case, [forecast(name, case.history, case.horizon)], name)


def _errors(of: Judged) -> Sheet:
    sheet = Sheet()
    accuracy(sheet, of)
    return sheet


def _renamed(errors: Mapping[str, Any]) -> dict[str, Any]:
    """mean_ade -> opponent_ade: a forecast without samples is its own mean."""
    return {
        f"opponent_{name.replace('mean_', '', 1)}": value
        for name, value in errors.items()
        if "mean_" in name and name.endswith("de")
    }


def _truth(case: Case, protocol: Mapping[str, Any]) -> Sheet:
    """What needs no truth to compare with, of the true futures themselves."""
    sheet, xy = Sheet(), np.stack([truth.xy for truth in case.truths])
    moving = displacement.moving(case.truth, case.history)
    of = Judged(case, case.truths, case.truths, xy, None, moving)
    motion(sheet, of)
    features(sheet, of, protocol)
    sheet.one("scene_variance", lambda: scene_variance(of.from_start(xy)))
    return sheet


def _jpeg(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    h, w = image.shape[:2]
    small = resize_image(image, (WIDTH, max(1, round(h * WIDTH / w)))) if w > WIDTH else image
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    good, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), options)
    assert good
    return bytes(data)
