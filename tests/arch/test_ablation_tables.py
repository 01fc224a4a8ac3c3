"""What the documents count is what the committed tables of `kinecast ablate` hold."""

import json
import re
from collections import Counter

import pytest
from repository import ROOT

SUITES = ("trajloom", "whn", "zipmo")
VERDICTS = ("agree", "disagree", "not resolved at this budget")
PAGE = (ROOT / "docs" / "ablations.md").read_text()


def table(suite):
    return json.loads((ROOT / "docs" / "ablations" / suite / "table.json").read_text())


def verdicts_of(suite):
    verdicts = Counter(claim["verdict"] for claim in table(suite)["claims"])
    assert set(verdicts) <= set(VERDICTS)
    return [verdicts[name] for name in VERDICTS]


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
