import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from report_runs import OPPONENT, case, row, run, usual

from kinecast.bench.report import texts
from kinecast.bench.report.shown import number
from kinecast.core.errors import UserError

VOID = {"meta", "img", "br", "link", "input", "hr"}


@pytest.fixture(scope="module")
def files():
    return texts([usual(photo=True)])


def group_of(files, name="held-out seeds, 6 -> 8", study=0):
    return json.loads(files["report.json"])["studies"][study]["groups"][name]


def numbers_of(cells):
    return re.findall(r"\d[\d,]*\.?\d*", cells)


def test_every_format_shows_the_same_numbers(files):
    """A mean, its interval, a ratio and a set metric, in all three files."""
    group = group_of(files)
    model = group["methods"]["trajloom-small"]
    ade = model["estimates"]["mean_ade"]
    said = f"{number(ade['mean'], 1)} {number(ade['low'], 1)} to {number(ade['high'], 1)}"
    page = re.sub(r"<small>|</?b>|</small>", " ", files["report.html"])
    page = re.sub(r" +", " ", re.sub(r"<[^>]+>", " ", page))
    assert said in files["report.md"].replace("*", "")
    assert said in page
    ratio = model["against"]["mean_ade"]
    shown = f"{number(ratio['ratio'], 2)} {number(ratio['low'], 2)} to {number(ratio['high'], 2)}"
    assert shown in files["report.md"].replace("*", "")
    assert shown in page
    distance = group["sets"]["methods"]["trajloom-small"]["fvmd"]
    assert distance["rows"] == distance["reference"] == 12
    assert f"{distance['value']:,.0f} 12 clips" in files["report.md"].replace("*", "")


def test_tables_of_markdown_and_html_are_the_same_tables(files):
    """All numbers of all table cells, in order."""
    md = [line for line in files["report.md"].splitlines() if line.startswith("| ")]
    page = re.findall(r"<tr[ >].*?</tr>", files["report.html"], re.DOTALL)
    cells = [re.sub(r"<[^>]+>", " ", line).replace("&lt;", "<") for line in page]
    theirs = [numbers_of(line) for line in md if numbers_of(line)]
    assert theirs == [numbers_of(line) for line in cells if numbers_of(line)]


def test_nothing_in_the_page_comes_from_elsewhere(files):
    page = files["report.html"]
    places = re.findall(r"""(?:src|href|url|action|data)\s*[=(]\s*["']?(.{5})""", page)
    assert {place for place in places if not place.startswith("#")} == {"data:"}
    assert "<script" not in page
    assert "@import" not in page
    assert "http" not in page
    assert page.count('src="data:image/png;base64,') == 6  # three of each group


class Balance(HTMLParser):
    """Fails on a tag that is closed wrongly, and on an id twice."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links = [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_its_links_lead_somewhere(files):
    found = Balance()
    found.feed(files["report.html"])
    assert found.open == []
    assert len(set(found.ids)) == len(found.ids)
    assert {link.removeprefix("#") for link in found.links} == set(found.ids)


def test_the_same_run_gives_the_same_bytes(files):
    assert texts([usual(photo=True)]) == files


def test_best_is_marked_and_ties_with_it():
    cases = [case(i, opponent_ade=9.0) for i in range(3)]
    rows = [row(model, one, 4.0) for model in ("ours", "theirs") for one in cases]
    rows += [row("worse", one, 6.0) for one in cases]
    text = texts([run(cases, rows)])["report.md"]
    table = text.partition("| method | ADE, mean")[2].partition("\n\n")[0].splitlines()
    ades = {line.split(" | ")[0]: line.split(" | ")[1] for line in table[2:]}
    assert ades["| ours"] == ades["| theirs"] == "**4.00**"
    assert not any("**" in line for line in table if line.startswith(("| worse", "| damped")))


def test_a_method_that_skipped_cases_is_not_the_best_and_says_so():
    cases = [case(i) for i in range(4)]
    rows = [row("whole", one, 5.0) for one in cases]
    rows += [
        row("half", one, 1.0, skipped="" if i < 2 else "no grid") for i, one in enumerate(cases)
    ]
    files = texts([run(cases, rows)])
    method = group_of(files)["methods"]["half"]
    assert (method["cases"], method["skipped"]) == (2, {"no grid": 2})
    lines = [line for line in files["report.md"].splitlines() if line.startswith("| half")]
    assert all("2 of 4 cases" in line for line in lines[1:-1])
    assert not any("**1.00**" in line.split(" | ")[1] for line in lines[1:2])
    assert lines[-1] == "| half | held-out seeds, 6 → 8 | 2 of 4 | no grid |"


def test_cases_that_were_not_run_are_counted():
    cases = [case(i) for i in range(3)]
    files = texts([run(cases, [row("ours", cases[0], 5.0)])])
    assert group_of(files)["methods"]["ours"]["missing"] == 2
    assert "| ours | held-out seeds, 6 → 8 | 2 of 3 | not run yet |" in files["report.md"]


def test_all_cases_skipped():
    cases = [case(i) for i in range(2)]
    files = texts([run(cases, [row("ours", one, 5.0, skipped="needs pokes") for one in cases])])
    method = group_of(files)["methods"]["ours"]
    assert (method["cases"], method["estimates"], method["against"]) == (0, {}, {})
    assert "| ours | held-out seeds, 6 → 8 | 2 of 2 | needs pokes |" in files["report.md"]
    assert "<img" not in files["report.html"]


def test_one_case_alone_has_neither_interval_nor_test():
    cases = [case(0)]
    files = texts([run(cases, [row("ours", cases[0], 5.0)])])
    ade = group_of(files)["methods"]["ours"]["estimates"]["mean_ade"]
    assert (ade["mean"], ade["low"], ade["high"]) == (5.0, None, None)
    assert "one scene has neither interval nor test" in files["report.md"]
    assert "p =" not in files["report.md"].partition("How to read")[0]
    assert files["report.html"].count("<img") == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(bad):
    cases = [case(i) for i in range(2)]
    rows = [row("ours", cases[0], 5.0), row("ours", cases[1], 5.0, energy_score=bad)]
    with pytest.raises(UserError, match=r"energy_score = (nan|inf) of ours in case case-1"):
        texts([run(cases, rows)])


def test_p_values_of_a_known_difference_are_corrected_for_two_models():
    """Five cases, both models always better: 2 / 32 each, 4 / 32 corrected."""
    cases = [case(i, opponent_ade=8.0 + i) for i in range(5)]
    rows = [row(m, c, 4.0 + 0.1 * i) for m in ("a", "b") for i, c in enumerate(cases)]
    files = texts([run(cases, rows)])
    method = group_of(files)["methods"]["a"]
    assert method["against"]["mean_ade"]["p"] == 2 / 32
    assert method["corrected"]["mean_ade"] == 4 / 32
    assert "p = 0.12" in files["report.md"]


def test_the_opponent_stands_in_the_tables_even_if_no_run_holds_it():
    cases = [case(i) for i in range(3)]
    files = texts([run(cases, [row("ours", one, 5.0) for one in cases])])
    lines = [line for line in files["report.md"].splitlines() if line.startswith(f"| {OPPONENT}")]
    assert lines[0].split(" | ")[1:3] == ["10.0", "10.0"]


def test_stillness_is_marked_best_in_nothing():
    cases = [case(i) for i in range(3)]
    rows = [row("ours", one, 5.0) for one in cases]
    rows += [row("still", one, 6.0, flow_tv=0.0, motion=0.0) for one in cases]
    text = texts([run(cases, rows, {"still": "baseline"})])["report.md"]
    table = text.partition("Smoothness and rigidity")[2].partition("</details>")[0]
    assert "| still | 0.00 | 0.00 |" in table
    assert "**" not in table


def test_runs_of_one_suite_stand_side_by_side():
    cases = [case(i) for i in range(3)]
    one, two = ([row(model, c, 5.0) for c in cases] for model in ("a", "b"))
    files = texts([run(cases, one), run(cases, two)])
    assert len(json.loads(files["report.json"])["studies"]) == 1
    assert {"a", "b"} <= set(group_of(files)["methods"])


def test_runs_of_other_protocols_are_not_mixed():
    cases = [case(i) for i in range(3)]
    first, second = (run(cases, [row("a", c, 5.0) for c in cases], protocol_hash=h) for h in "xy")
    assert len(json.loads(texts([first, second])["report.json"])["studies"]) == 2


def test_runs_that_do_not_fit_together_are_refused():
    cases = [case(i) for i in range(2)]
    same = run(cases, [row("a", c, 5.0) for c in cases])
    with pytest.raises(UserError, match="each model in one run of suite worlds, got a in two"):
        texts([same, same])
    other = case(0, opponent_ade=11.0)
    with pytest.raises(UserError, match="the same cases in all runs of worlds, got another case-0"):
        texts([same, run([other], [row("b", other, 5.0)])])
    with pytest.raises(UserError, match="at least one run"):
        texts([])
    with pytest.raises(UserError, match="results in some-run, got none"):
        texts([run([], [])])


def test_published_rows_say_how_they_differ():
    cases = [case(i) for i in range(3)]
    stated = {
        "paper": "A paper", "table": "Table 1", "group": cases[0].group, "metric": "fvmd",
        "value": 3626.0,
    }  # fmt: skip
    published = [
        {**stated, "method": "Theirs", "differs": ""},
        {**stated, "method": "Others", "metric": "flow_tv", "value": 7.53, "differs": "24 frames"},
    ]
    files = texts([run(cases, [row("ours", c, 5.0) for c in cases], published=published)])
    lines = [line for line in files["report.md"].splitlines() if "Table 1" in line]
    assert lines[0].startswith("| Theirs (A paper, Table 1) | 3,626 | –")
    assert "differs: 24 frames" in lines[1]
    assert "| – | 7.53" in lines[1]
    ours = [line for line in files["report.md"].splitlines() if "(measured here)" in line]
    assert ours[0].endswith("| 3.00 |")  # FlowTV x 100, as papers print it


def test_a_number_of_a_suite_alone_is_shown():
    cases = [case(i) for i in range(3)]
    text = texts([run(cases, [row("ours", c, 5.0, success_rate=0.75) for c in cases])])["report.md"]
    assert "Of this suite alone" in text
    assert "| method | success_rate |" in text


def test_names_cannot_break_the_page():
    cases = [replace(case(i), group='<b> & "x" | y') for i in range(2)]
    files = texts([run(cases, [row("<i>", c, 5.0) for c in cases])])
    assert "<b> &" not in files["report.html"]
    assert "<i>" not in files["report.html"]
    assert "&lt;i&gt;" in files["report.html"]
