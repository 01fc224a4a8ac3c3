"""One thing changed at a time: what is changed, and what it is measured against."""

import numpy as np
import pytest
from stand_ins import FRAMES, Copycat, tiny_forecaster

from kinecast.bench.switches import SWITCHES, measure, table


@pytest.fixture(scope="module")
def copied():
    model = Copycat()
    return model, list(measure(model, clips=2))


def test_a_model_that_forecasts_as_the_opponent_scores_one(copied):
    _, rows = copied
    assert [row["switch"] for row in rows] == [switch.name for switch in SWITCHES]
    same = [r for r in rows if "8 frames of history" not in r["switch"]]  # fewer than the fit's
    for row in same:
        assert [row[name] for name in ("mean", "best", "sample")] == pytest.approx([1, 1, 1])


def test_each_switch_changes_one_thing(copied):
    model, rows = copied
    asked = dict(zip([row["switch"] for row in rows], model.asked[::2], strict=True))
    length = {name: frames for name, (frames, _, _) in asked.items()}
    laid = {name: query for name, (_, query, _) in asked.items()}
    options = [chosen for _, _, chosen in asked.values() if chosen]
    assert length.pop("8 frames of history") == 8
    assert set(length.values()) == {FRAMES}
    assert laid.pop("points laid now") == FRAMES - 1
    assert {query for name, query in laid.items() if "8 frames" not in name} == {0}
    assert options == [{"steps": 5}, {"steps": 40}, {"solver": "heun"}]


def test_a_network_is_measured_and_the_table_shows_its_numbers():
    rows = list(measure(tiny_forecaster(), clips=1))
    numbers = np.array([[row[name] for name in ("mean", "best", "sample")] for row in rows])
    assert (numbers > 0).all()
    assert (numbers[:, 1] <= numbers[:, 2]).all()  # the best sample beats the average one
    lines = table(rows).splitlines()
    assert len(lines) == 2 + len(SWITCHES)
    assert lines[2].startswith(f"| {SWITCHES[0].name} | {numbers[0, 0]:.3f} | ")
