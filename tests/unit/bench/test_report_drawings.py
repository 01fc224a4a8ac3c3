import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from report_runs import HORIZON, SIZE, case, row, run, usual

from kinecast.bench.report import chart
from kinecast.bench.report.axis import Axis, label, linear, logarithmic
from kinecast.bench.report.curves import coverages, horizons
from kinecast.bench.report.gallery import picked
from kinecast.bench.report.group import measured
from kinecast.bench.report.pictures import WIDTH, picture
from kinecast.bench.report.shown import decimals, number
from kinecast.bench.report.study import studies
from kinecast.core.errors import UserError


def group(results):
    study = studies([results])[0]
    name, facts = next(iter(study.groups().items()))
    return measured(study, name, facts)


@pytest.mark.parametrize(
    ("top", "marks"),
    [(9.3, [0, 2, 4, 6, 8, 10]), (0.31, [0, 0.1, 0.2, 0.3, 0.4]), (1234, [0, 500, 1000, 1500])],
)
def test_linear_marks_are_round_and_reach_the_top(top, marks):
    assert linear([top], 0, 100).marks() == pytest.approx(marks)


def test_logarithmic_marks():
    axis = logarithmic([0.0012, 0.4], 0, 300)
    assert (axis.low, axis.high) == (0.001, 0.5)
    assert axis.marks() == pytest.approx([0.001, 0.01, 0.1])
    assert axis.at(0.001) == 0
    assert axis.at(0.01) - axis.at(0.001) == pytest.approx(axis.at(0.1) - axis.at(0.01))
    assert Axis(2.0, 40.0, 0, 1, log=True).marks() == pytest.approx([2, 5, 10, 20])
    assert logarithmic([0.5], 0, 300).low < 0.5 < logarithmic([0.5], 0, 300).high


def test_labels_of_marks():
    assert [label(v) for v in (0.05, 3 * 0.1, 20.0, 1500.0)] == ["0.05", "0.3", "20", "1,500"]


def test_labels_keep_their_distance_and_stay_inside():
    placed = chart.spread([50.0, 51.0, 52.0, 10.0, 99.0], 13, 0, 100)
    gaps = np.diff(sorted(placed))
    assert gaps.min() >= 13 - 1e-9
    assert min(placed) >= 0
    assert max(placed) <= 100
    assert chart.spread([20.0, 80.0], 13, 0, 100) == [20.0, 80.0]


def test_lines_break_at_gaps_and_escape_names():
    y = np.array([1.0, 2.0, np.nan, 3.0, 4.0])
    svg = chart.lines([chart.Series("a < b", "c0", np.arange(5.0), y)], "x", "y")
    assert svg.count("<polyline") == 2
    assert "a &lt; b" in svg
    assert "nan" not in svg


def test_labels_of_points_do_not_cover_each_other():
    """Five methods that are about as fast and as good."""
    marks = [chart.Point(f"method-{i}", "c0", 1 + 0.01 * i, 5 + 0.1 * i) for i in range(5)]
    svg = chart.points(marks, "s", "px")
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)" class="label (\w*) ?c0"', svg)
    boxes = []
    for x, y, anchor in found:
        width = chart.LETTER * len("method-0")
        left = float(x) - {"end": width, "middle": width / 2}.get(anchor, 0.0)
        boxes.append((left, float(y) - 10, left + width, float(y) + 2))
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            assert min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1]) + 1


def test_pairs_lie_on_the_diagonal_where_they_are_equal():
    both = np.array([0.5, 3.0, 20.0])
    svg = chart.pairs([chart.Series("m", "c0", both, both)], "theirs", "ours")
    dots = np.array(re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg), float)
    diagonal = re.search(r'class="floor" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"', svg)
    x0, y0, x1, y1 = map(float, diagonal.groups())
    np.testing.assert_allclose(
        (dots[:, 0] - x0) / (x1 - x0), (dots[:, 1] - y0) / (y1 - y0), atol=1e-3
    )


def test_long_names_keep_their_ends():
    line = chart.Series("trajloom-small@dopri5@100", "c0", np.arange(2.0), np.ones(2))
    assert ">trajloom-…ri5@100</text>" in chart.lines([line], "x", "y")


@pytest.mark.parametrize(
    ("values", "digits"),
    [([512.0, 90.0, 700.0], 0), ([21.2, 19.0], 1), ([3.2], 2), ([0.42, 0.1], 3), ([0.004], 4)],
)
def test_three_digits_of_the_middle_number(values, digits):
    assert decimals(values) == digits


def test_numbers_as_shown():
    assert [number(13745.4, 0), number(-0.001, 2), number(-2.5, 1)] == ["13,745", "0.00", "-2.5"]
    assert number(0.0, 2) == "0.00"


def test_best_median_and_worst_are_those_beside_the_opponent():
    cases = [case(i, opponent_ade=10.0 * (i + 1)) for i in range(5)]
    ratios = (0.9, 0.2, 0.5, 1.4, 0.7)
    rows = [row("m", c, r * c.scalars["opponent_ade"]) for c, r in zip(cases, ratios, strict=True)]
    found = {title: c.id for title, c in picked(group(run(cases, rows)), "m")}
    assert found == {"best": "case-4", "median": "case-1", "worst": "case-3"}


def test_pictures_of_few_cases():
    cases = [case(i) for i in range(2)]
    rows = [row("m", c, 5.0 + i) for i, c in enumerate(cases)]
    assert [title for title, _ in picked(group(run(cases, rows)), "m")] == ["best", "worst"]
    alone = group(run(cases[:1], rows[:1]))
    assert [title for title, _ in picked(alone, "m")] == ["the only case"]
    assert picked(alone, "unknown") == []


def pixels(png):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR), 4)


def test_a_picture_has_truth_and_samples_where_they_are():
    one = case(0)
    far = one.truth + np.float16([0, -8.0])
    drawn = pixels(picture(one, far[None]))
    assert drawn.shape == (round(WIDTH * SIZE[1] / SIZE[0]), WIDTH, 3)
    scale = WIDTH / SIZE[0]
    x, y = (scale * one.truth[-1, 2].astype(float)).astype(int)
    assert drawn[y, x].max() < 80  # black
    x, y = (scale * far[-1, 2].astype(float)).astype(int)
    red, _, blue = drawn[y, x].astype(int)
    assert blue > red + 60
    assert (drawn[-3:, :3] == 255).all()  # paper


def test_a_photo_is_behind_the_paths_and_a_damaged_one_refused():
    one = case(0, photo=True)
    corner = pixels(picture(one, one.truth[None]))[-3:, :3]
    assert 190 < corner.mean() < 225
    with pytest.raises(UserError, match="picture with case case-0, got a damaged one"):
        picture(replace(one, jpeg=b"no picture"), one.truth[None])


def test_mean_curve_is_of_the_cases_in_sight_to_the_end():
    cases = [case(i) for i in range(3)]
    rows = [row("m", c, 6.0 if i else 60.0) for i, c in enumerate(cases)]
    rows[0].result.curves["best_ade"][5:] = np.nan
    found = horizons(group(run(cases, rows)), "best_ade", ["m"])["m"]
    assert found.cases == 2
    for line in (found.error, found.low, found.high):
        np.testing.assert_allclose(line, np.linspace(0.5, 6.0, HORIZON), rtol=1e-6)


def test_mean_curve_where_every_case_drops_out():
    cases = [case(i) for i in range(2)]
    rows = [row("m", c, 6.0) for c in cases]
    rows[0].result.curves["best_ade"][3:] = np.nan
    rows[1].result.curves["best_ade"][:2] = np.nan
    rows[1].result.curves["best_ade"][-1] = np.nan
    found = horizons(group(run(cases, rows)), "best_ade", ["m"])["m"]
    whole = np.linspace(0.5, 6.0, HORIZON)
    np.testing.assert_allclose(found.error, [*whole[:-1], np.nan], rtol=1e-6)
    assert found.cases == 0
    assert np.isnan(found.low).all()


def test_coverage_of_flat_ranks_is_as_it_should_be():
    found = coverages(group(usual()))["trajloom-small"]
    np.testing.assert_allclose(found[0], [0.2, 0.6])
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
