from dataclasses import replace

from report_runs import case, row, run

from kinecast.bench.report.group import measured
from kinecast.bench.report.markdown import table
from kinecast.bench.report.readme import readme
from kinecast.bench.report.study import studies

MODEL = "trajloom-small"


def groups(results):
    study = studies([results])[0]
    return [measured(study, name, facts) for name, facts in study.groups().items()]


def test_ratio_of_means_of_simulated_and_mean_of_ratios_of_real_clips():
    """Errors 1 and 4 beside 2 and 16: 5 / 18 of means, (1/2 + 1/4) / 2 of ratios."""
    names = ("held-out seeds, 6 -> 8", "real clips, 6 -> 8")
    kinds = ("synthetic", "real")
    cases = [
        replace(case(10 * g + i, names[g], opponent_ade=theirs), kind=kinds[g])
        for g in range(2)
        for i, theirs in enumerate((2.0, 16.0))
    ]
    rows = [row(MODEL, one, (1.0, 4.0)[i % 2]) for i, one in enumerate(cases)]
    found = table(readme(groups(run(cases, rows)), MODEL, 8)).splitlines()
    assert found[0] == (
        "| clips | frames | opponent, px | mean of 8 | best of 8 | moving: mean | moving: best |"
    )
    assert found[2:] == [
        "| 2 held-out seeds | 6 → 8 | 9.0 | 0.28 | 0.22 | 0.28 | 0.22 |",
        "| 2 real clips | 6 → 8 | 9.0 | 0.38 | 0.30 | 0.38 | 0.30 |",
    ]


def test_order_is_that_of_the_readme():
    names = [
        "held-out seeds, 24 -> 24", "held-out seeds, 81 -> 81", "real clips, 81 -> 81",
        "held-out families, 81 -> 81", "held-out families, 24 -> 24", "long horizon, 81 -> 162",
    ]  # fmt: skip
    cases = [
        replace(
            case(i, name),
            kind="real" if "real" in name else "synthetic",
            horizon=int(name[-2:]),
            history_frames=int(name[-2:]),
        )
        for i, name in enumerate(names)
    ]
    found = readme(groups(run(cases, [row(MODEL, one, 5.0) for one in cases])), MODEL, 8)
    assert [(line.name, line.cells[0].text) for line in found.lines] == [
        ("1 held-out seeds", "81 → 81"),
        ("1 held-out families", "81 → 81"),
        ("1 held-out seeds", "24 → 24"),
        ("1 held-out families", "24 → 24"),
        ("1 real clips", "81 → 81"),
    ]


def test_clips_where_nothing_moves_have_no_moving_ratio():
    cases = [case(i) for i in range(2)]
    gone = {"moving_mean_ade": None, "moving_best_ade": None}
    found = readme(groups(run(cases, [row(MODEL, one, 5.0, **gone) for one in cases])), MODEL, 8)
    assert [cell.text for cell in found.lines[0].cells[-2:]] == ["–", "–"]


def test_no_table_without_the_model():
    cases = [case(0)]
    assert readme(groups(run(cases, [row("other", cases[0], 5.0)])), MODEL, 8) is None
