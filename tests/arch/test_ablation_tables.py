"""What the documents count is what the committed tables of `kinecast ablate` hold."""

import json
import math
import re
from collections import Counter

import pytest
from repository import ROOT

from kinecast.train.ablate.interval import difference, verdict

SUITES = ("trajloom", "whn", "zipmo", "supervision")
VERDICTS = ("agree", "disagree", "not resolved at this budget")
TABLES = ROOT / "docs" / "ablations"
PAGE = (ROOT / "docs" / "ablations.md").read_text()


def table(suite):
    return json.loads((TABLES / suite / "table.json").read_text())


def verdicts_of(suite):
    verdicts = Counter(claim["verdict"] for claim in table(suite)["claims"])
    assert set(verdicts) <= set(VERDICTS)
    return [verdicts[name] for name in VERDICTS]


@pytest.mark.parametrize("suite", [s for s in SUITES if (TABLES / s / "scores.json").exists()])
def test_a_table_is_made_of_its_scores(suite):
    scores = json.loads((TABLES / suite / "scores.json").read_text())
    for row in table(suite)["claims"]:
        ours, theirs = (
            [[math.nan if x is None else x for x in seed] for seed in scores[arm][row["metric"]]]
            for arm in (row["arm"], row["against"])
        )
        found = difference(ours, theirs)
        told = (row["difference"], row["low"], row["high"])
        assert (found.mean, found.low, found.high) == pytest.approx(told, rel=1e-3, abs=1e-4)
        assert verdict(found, row["direction"], row["tolerance"]) == row["verdict"]


@pytest.mark.parametrize("suite", SUITES)
def test_the_page_counts_the_verdicts_of_its_table(suite):
    row = re.search(rf"^\| `{suite}` \| (\d+) \| (\d+) \| (\d+) \|", PAGE, re.MULTILINE)
    assert [int(number) for number in row.groups()] == verdicts_of(suite)
    assert table(suite)["seeds"] == [0, 1]  # as the page says


def test_the_readme_adds_them_up():
    totals = [sum(each) for each in zip(*map(verdicts_of, SUITES), strict=True)]
    agree, disagree, open_ = totals
    said = " ".join((ROOT / "README.md").read_text().split())
    assert f"{agree} of the papers' {sum(totals)} claims are borne out, " in said
    assert f"{disagree} are contradicted, {open_} are not resolved" in said
