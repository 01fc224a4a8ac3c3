"""Motion histograms of one forecast and its truth: FVMD of a set is computed from those of all.

Sample 0 alone, masked by what is visible in the truth, as `metrics.fvmd_tracks`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kinecast.bench.measures.judged import Judged
from kinecast.bench.measures.samples import scene_features
from kinecast.bench.measures.sheet import Sheet
from kinecast.core.errors import UserError
from kinecast.metrics.fvmd_tracks import LENGTH, windows
from kinecast.metrics.motion_histogram import FRAMES, SIDE

STRIDE = 15  # frames between windows, of TrajLoom's script; the paper says 1


def features(sheet: Sheet, of: Judged, protocol: Mapping[str, Any]) -> None:
    """fvmd: a row a window of 16 frames, `protocol["fvmd_stride"]` frames apart; fvmd_long: one
    row, the whole horizon; fvmd_scenes: a row a future where a first frame has several. In a row
    the velocities come before the accelerations.
    """
    stride = int(protocol.get("fvmd_stride", STRIDE))
    sheet.feature("fvmd", lambda: _windows(of, of.xy[0], LENGTH, stride))
    sheet.feature("fvmd_long", lambda: _windows(of, of.xy[0], None, 1))
    sheet.feature("fvmd_scenes", lambda: scene_features(of))


def _windows(of: Judged, xy: np.ndarray, length: int | None, stride: int) -> np.ndarray:
    field = of.field(xy)
    T, h, w = field.visible.shape
    if T < FRAMES or min(h, w) < SIDE:
        raise UserError(
            f"expected {FRAMES} frames of {SIDE} x {SIDE} points, got {T} frames of {h} x {w}"
        )
    return windows(field.xy, field.visible, length, stride).combined
