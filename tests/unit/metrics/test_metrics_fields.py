"""Smoothness and reconstruction: analytic fields, and the numbers of the published scripts."""

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.metrics.reconstruction import vepe
from kinecast.metrics.smoothness import divcurl_energy, flow_tv

SIZE = (80, 48)
GRID = Grid.over(SIZE, 8.0)


def moved_by(matrix, frames=4):
    """Grid points whose motion per frame is `matrix` times their anchor."""
    anchor = GRID.points()
    step = anchor @ np.asarray(matrix, np.float32).T
    xy = np.stack([anchor + t * step for t in range(frames)])
    visible = np.ones(xy.shape[:3], bool)
    return Field(xy=xy, visible=visible, size=SIZE, stride=GRID.stride, origin=GRID.origin)


def hide(field, where):
    visible = field.visible.copy()
    visible[where] = False
    return Field(field.xy, visible, field.size, field.stride, field.origin)


def test_a_shift_of_everything_is_smooth():
    field = moved_by(np.zeros((2, 2)))
    shifted = Field(field.xy + 3, field.visible, SIZE, GRID.stride, GRID.origin)
    assert flow_tv(field) == flow_tv(shifted) == 0.0
    assert divcurl_energy(shifted) == 0.0


def test_an_expansion_has_divergence_and_a_rotation_has_curl():
    rate = 0.01
    expansion, rotation = moved_by([[rate, 0], [0, rate]]), moved_by([[0, -rate], [rate, 0]])
    assert divcurl_energy(expansion) == pytest.approx((2 * rate) ** 2, rel=1e-3)
    assert divcurl_energy(rotation) == pytest.approx((2 * rate) ** 2, rel=1e-3)
    shear = moved_by([[0, rate], [rate, 0]])
    assert divcurl_energy(shear) == pytest.approx(0, abs=1e-8)
    for field in (expansion, rotation, shear):
        assert flow_tv(field) == pytest.approx(2 * rate, rel=1e-3)


def test_a_jump_of_a_hidden_point_does_not_count():
    field = moved_by(np.zeros((2, 2)))
    field.xy[2, 1, 1] += 100
    assert flow_tv(field) > 0
    assert flow_tv(hide(field, (2, 1, 1))) == divcurl_energy(hide(field, (2, 1, 1))) == 0.0


def test_nothing_seen_is_not_a_number():
    field = hide(moved_by(np.zeros((2, 2))), ...)
    assert np.isnan(flow_tv(field))
    assert np.isnan(divcurl_energy(field))


def test_vepe_is_one_average_over_all_visible_points_of_all_clips():
    field = moved_by(np.zeros((2, 2)))
    truth = field.tracks()
    off = Field(field.xy + np.float32([3, 4]), field.visible, SIZE, GRID.stride, GRID.origin)
    short = truth.window(0, 1)
    assert vepe([(off.tracks(), truth)]) == pytest.approx(5)
    assert vepe([(off.tracks(), truth), (short, short)]) == pytest.approx(4)  # 4 frames and 1
    with pytest.raises(UserError, match="one shape"):
        vepe([(short, truth)])
