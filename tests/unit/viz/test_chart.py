import numpy as np
import pytest

from kinecast.viz import chart

BLUE = np.array(chart._COLOURS[0])


def ink(picture):
    """Rows and columns where the first curve is drawn, below its name."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - BLUE) < 40).all(-1))
    keep = rows >= chart._TOP - 2
    return rows[keep], columns[keep]


def test_a_rising_curve_rises():
    x = np.arange(50.0)
    rows, columns = ink(chart.curves("t", {"model": (x, x)}, "frame", "pixels"))
    assert np.corrcoef(rows, columns)[0, 1] < -0.99


def test_names_stand_above_the_curves():
    x = np.arange(50.0)
    named = [chart.curves("t", {name: (x, x)}, "frame", "pixels") for name in ("model", "")]
    differs = np.nonzero((named[0] != named[1]).any(-1))[0]
    assert len(differs)
    assert differs.max() < chart._TOP - 2


def test_a_value_that_is_missing_is_a_gap():
    x = np.arange(50.0)
    y = np.where((x > 10) & (x < 25), np.nan, 5.0)
    y[0] = 0.0
    _, columns = ink(chart.curves("t", {"model": (x, y)}, "frame", "pixels"))
    inside = (columns > 64 + 560 * 13 / 49) & (columns < 64 + 560 * 22 / 49)
    assert len(columns)
    assert not inside.any()


def test_a_histogram_peaks_where_the_values_are():
    values = np.concatenate([np.full(900, 2.0), np.linspace(0, 10, 100)])
    rows, columns = ink(chart.histogram("t", {"z": values}, "latent"))
    peak = columns[rows == rows.min()].mean()
    assert peak == pytest.approx(64 + 560 * 2.0 / 10, abs=12)


@pytest.mark.parametrize("values", [np.array([np.nan]), np.array([])])
def test_nothing_to_draw_is_told(values):
    with pytest.raises(ValueError, match="needs a finite value"):
        chart.histogram("t", {"z": values}, "latent")
