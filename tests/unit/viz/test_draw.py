"""Points and lines on a layer, and a layer over a frame."""

import numpy as np
import pytest

from kinecast.viz.draw import dim, draw_lines, draw_points, fade, over, paste, text_layer


def _layer(width=60, height=40):
    return np.zeros((height, width, 4), np.uint8)


def _draw_point(layer, xy, *, visible=True, alpha=1.0, radius=6.0, colour=(200, 100, 50)):
    draw_points(
        layer, np.array([xy]), np.array([visible]), np.array([colour], np.uint8),
        np.array([alpha]), np.array([radius]),
    )  # fmt: skip


def test_a_point_is_centred_on_its_position():
    layer = _layer()
    _draw_point(layer, (30.5, 20.5))  # the centre of pixel (30, 20), by the coordinate rule
    rows, columns = np.nonzero(layer[..., 3])
    weight = layer[rows, columns, 3].astype(float)
    assert np.average(columns, weights=weight) == pytest.approx(30, abs=0.1)
    assert np.average(rows, weights=weight) == pytest.approx(20, abs=0.1)
    area = weight.sum() / 255
    assert area == pytest.approx(np.pi * 6**2, rel=0.2)


def test_visible_points_are_filled_and_hidden_ones_hollow():
    filled, hollow = _layer(), _layer()
    _draw_point(filled, (30.5, 20.5))
    _draw_point(hollow, (30.5, 20.5), visible=False)
    assert filled[20, 30].tolist() == [200, 100, 50, 255]
    assert hollow[20, 30].tolist() == [0, 0, 0, 0]
    assert hollow[20, 36, 3] > 100


def test_colours_are_premultiplied_by_alpha():
    layer = _layer()
    _draw_point(layer, (30.5, 20.5), alpha=0.5)
    assert layer[20, 30].tolist() == [100, 50, 25, 128]
    frame = np.full((40, 60, 3), 60, np.uint8)
    mixed = over(layer, frame)
    np.testing.assert_allclose(mixed[20, 30].astype(int), [130, 80, 55], atol=1)
    assert (mixed[0, 0] == 60).all()
    assert (frame == 60).all()


@pytest.mark.parametrize("xy", [(np.nan, 5.0), (np.inf, 5.0), (1e9, 5.0), (-1e9, -1e9)])
def test_positions_that_cannot_be_drawn_are_left_out(xy):
    layer = _layer()
    _draw_point(layer, xy)
    start, end = np.array([xy]), np.array([[5.0, 5.0]])
    draw_lines(layer, start, end, np.zeros((1, 3), np.uint8), np.ones(1))
    assert not layer.any()


def test_a_line_joins_its_ends():
    layer = _layer()
    ends = np.array([[5.5, 10.5]]), np.array([[45.5, 10.5]])
    draw_lines(layer, *ends, np.array([[9, 8, 7]], np.uint8), np.ones(1), width=1)
    assert layer[10, 25].tolist() == pytest.approx([9, 8, 7, 255], rel=0.15)
    assert layer[10, 50, 3] == 0
    assert layer[20].max() == 0


def test_layers_fade_to_nothing_at_all():
    layer = _layer()
    _draw_point(layer, (30.5, 20.5))
    before = layer[20, 30].astype(int)
    fade(layer, 0.9)
    np.testing.assert_allclose(layer[20, 30], before * 0.9 - 1, atol=1)
    for _ in range(60):
        fade(layer, 0.9)
    assert not layer.any()


def test_dimming_darkens_and_greys_by_its_amount():
    frame = np.full((2, 2, 3), (200, 100, 0), np.uint8)
    assert (dim(frame, 0.0) == frame).all()
    dimmed = dim(frame, 1.0).astype(int)[0, 0]
    assert dimmed.mean() < 0.6 * 100
    assert dimmed.max() - dimmed.min() < 0.3 * 200


def test_text_is_pasted_and_cut_at_the_edges():
    label = text_layer("now", 20)
    assert label.shape[0] == 20
    frame = np.full((24, 40, 3), 128, np.uint8)
    paste(frame, label, 30, 10)
    assert (frame[10:, 30:] != 128).any()
    assert (frame[:10] == 128).all()
    paste(frame, label, 99, 0)
    paste(frame, label, 0, 99)
