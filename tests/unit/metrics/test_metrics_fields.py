"""Smoothness and reconstruction on analytic fields, plain and as shares of the motion."""

import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.field import Field
from kinecast.core.grid import Grid
from kinecast.metrics.divcurl import divcurl_energy
from kinecast.metrics.flow_tv import flow_tv
from kinecast.metrics.motion_normalised import divcurl_of_motion, flow_tv_of_motion
from kinecast.metrics.reconstruction import vepe

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


def test_the_papers_formula_divides_by_the_stride_twice():
    field = moved_by([[0.01, 0], [0, 0.01]])
    ratio = divcurl_energy(field) / divcurl_energy(field, "paper")
    assert ratio == pytest.approx(GRID.stride**2)


def test_shares_of_motion_do_not_change_with_its_size():
    small, large = moved_by([[0.01, 0.005], [0, 0.02]]), moved_by([[0.04, 0.02], [0, 0.08]])
    assert flow_tv(large) == pytest.approx(4 * flow_tv(small), rel=1e-3)
    assert flow_tv_of_motion(large) == pytest.approx(flow_tv_of_motion(small), rel=1e-3)
    assert divcurl_of_motion(large) == pytest.approx(divcurl_of_motion(small), rel=1e-3)


def test_shares_of_motion_of_an_expansion_and_a_pan():
    rate = 0.01
    speed = rate * np.linalg.norm(GRID.points(), axis=-1)
    field = moved_by([[rate, 0], [0, rate]])
    expected = 2 * rate * GRID.stride / speed.mean()
    assert flow_tv_of_motion(field) == pytest.approx(expected, rel=1e-3)
    expected = (2 * rate * GRID.stride) ** 2 / np.square(speed).mean()
    assert divcurl_of_motion(field) == pytest.approx(expected, rel=1e-3)
    pan = moved_by(np.zeros((2, 2)))
    pan.xy[:] += np.arange(4, dtype=np.float32)[:, None, None, None] * 2
    assert flow_tv_of_motion(pan) == divcurl_of_motion(pan) == 0.0


@pytest.mark.parametrize("share", [flow_tv_of_motion, divcurl_of_motion])
def test_stillness_wins_no_share_of_motion(share):
    with pytest.raises(UserError, match="points that move, got none"):
        share(moved_by(np.zeros((2, 2))))


@pytest.mark.parametrize("metric", [flow_tv, divcurl_energy, flow_tv_of_motion, divcurl_of_motion])
def test_what_is_never_seen_in_two_frames_is_refused(metric):
    field = moved_by([[0.01, 0], [0, 0.02]])
    lost = Field(np.full_like(field.xy, np.nan), field.visible, SIZE, GRID.stride, GRID.origin)
    single = Field(field.xy[:1], field.visible[:1], SIZE, GRID.stride, GRID.origin)
    for unseen in (hide(field, ...), lost, single, hide(field, np.s_[::2])):
        with pytest.raises(UserError, match="seen in two frames in a row, got none"):
            metric(unseen)


def test_one_row_has_flow_tv_and_no_cells():
    field = moved_by([[0.01, 0], [0, 0.02]])
    row = Field(field.xy[:, :1], field.visible[:, :1], SIZE, GRID.stride, GRID.origin)
    assert flow_tv(row) == pytest.approx(0.01, rel=1e-3)
    with pytest.raises(UserError, match="on a grid of 1 x 10"):
        divcurl_energy(row)
    point = Field(row.xy[:, :, :1], row.visible[:, :, :1], SIZE, GRID.stride, GRID.origin)
    with pytest.raises(UserError, match="neighbours"):
        flow_tv(point)


def test_vepe_is_one_average_over_all_visible_points_of_all_clips():
    field = moved_by(np.zeros((2, 2)))
    truth = field.tracks()
    off = Field(field.xy + np.float32([3, 4]), field.visible, SIZE, GRID.stride, GRID.origin)
    short = truth.window(0, 1)
    assert vepe([(off.tracks(), truth)]) == pytest.approx(5)
    assert vepe([(off.tracks(), truth), (short, short)]) == pytest.approx(4)  # 4 frames and 1
    with pytest.raises(UserError, match="one shape"):
        vepe([(short, truth)])
    with pytest.raises(UserError, match="visible in a truth, got none"):
        vepe([(truth, hide(field, ...).tracks())])


def test_vepe_leaves_lost_points_of_the_reconstruction_out():
    field = moved_by(np.zeros((2, 2)))
    lost = field.xy.copy() + np.float32([0, 2])
    lost[1, 0, 0] = np.nan
    visible = np.isfinite(lost).all(-1)
    found = Field(lost, visible, SIZE, GRID.stride, GRID.origin)
    assert vepe([(found.tracks(), field.tracks())]) == pytest.approx(2)
