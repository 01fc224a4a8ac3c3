"""Votes of a user study: put together, counted, and refused where they are not as saved."""

import json

import numpy as np
import pytest

from kinecast.bench.ranking import standings
from kinecast.bench.ranking.votes import LARGEST, merge
from kinecast.cli.main import main
from kinecast.core.errors import UserError

METHODS, QUESTIONS = ["ours", "theirs", "still"], ["Which is more real?", "Which fits the text?"]


def vote(clip, left, right, choice, question=0):
    found = {"clip": clip, "question": question, "left": left, "right": right}
    return {**found, "choice": choice, "seconds": 2.5}


def saved(path, votes, **other):
    file = {
        "format": "kinecast-votes", "version": 1, "study": "abc", "voter": 7,
        "questions": QUESTIONS, "methods": METHODS, "votes": votes, **other,
    }  # fmt: skip
    path.write_text(json.dumps(file))
    return path


@pytest.fixture
def two(tmp_path):
    """Two voters, who saw the sides the other way round."""
    one = [vote("a", "ours", "theirs", "left"), vote("b", "still", "ours", "tie")]
    other = [vote("a", "theirs", "ours", "right"), vote("b", "still", "theirs", "left", 1)]
    return saved(tmp_path / "1", one), saved(tmp_path / "2", other, voter=8)


def test_votes_of_two_files_are_counted_together(two):
    found = standings(two)
    assert (found.voters, found.clips, found.votes) == (2, 2, 4)
    assert found.left == pytest.approx(2 / 3)
    first = {row.method: row for row in found.rows if row.question == QUESTIONS[0]}
    assert (first["ours"].won, first["ours"].tied, first["ours"].votes) == (2 / 3, 1 / 3, 3)
    assert (first["theirs"].lost, first["still"].tied) == (1, 1)
    assert [row.method for row in found.rows if row.question == QUESTIONS[1]] == ["still", "theirs"]
    assert found.beats[QUESTIONS[0]]["ours"] == {"theirs": 1, "still": 0.5}
    assert standings(two[::-1]).rows == found.rows


def test_a_file_saved_again_with_more_votes_counts_once(two, tmp_path):
    votes = json.loads(two[0].read_text())["votes"]
    again = saved(tmp_path / "again", [*votes, vote("c", "ours", "still", "left")])
    assert standings([two[0], again]).votes == 3
    changed = saved(tmp_path / "changed", [{**votes[0], "choice": "tie"}])
    with pytest.raises(UserError, match="two of voter 7 on clip 'a'"):
        standings([two[0], changed])


def test_intervals_are_of_clips_drawn_again_and_the_same_each_time(tmp_path):
    draw = np.random.default_rng(0)
    votes = [
        vote(f"clip {i}", "ours", "theirs", "left" if draw.random() < 0.7 else "right")
        for i in range(60)
    ]
    found = standings([saved(tmp_path / "v", votes)])
    best, second = found.rows
    assert best.method == "ours"
    assert best.low < best.elo < best.high
    assert second.high - second.low == pytest.approx(best.high - best.low)  # 1000 on average
    assert found == standings([tmp_path / "v"])
    assert found.rows != standings([tmp_path / "v"], seed=1).rows
    few = standings([saved(tmp_path / "few", votes[:10])]).rows[0]
    assert few.high - few.low > best.high - best.low
    one = standings([saved(tmp_path / "one", votes[:1])]).rows[0]
    assert one.low is one.high is None
    with pytest.raises(UserError, match="at least 1 resample"):
        standings([tmp_path / "v"], resamples=0)


def test_a_study_of_ties_leaves_all_equal(tmp_path):
    votes = [vote("a", "ours", "theirs", "tie"), vote("b", "theirs", "still", "tie"),
             vote("b", "ours", "still", "tie")]  # fmt: skip
    found = standings([saved(tmp_path / "v", votes)])
    assert [row.elo for row in found.rows] == pytest.approx([1000] * 3)
    assert found.left is None


GOOD = vote("a", "ours", "theirs", "left")


@pytest.mark.parametrize(
    ("votes", "other"),
    [
        ([{**GOOD, "choice": "both"}], {}),
        ([{**GOOD, "choice": ["left"]}], {}),
        ([{**GOOD, "left": "theirs"}], {}),
        ([{**GOOD, "left": "nobody"}], {}),
        ([{**GOOD, "left": {"a": 1}}], {}),
        ([{**GOOD, "question": 2}], {}),
        ([{**GOOD, "question": True}], {}),
        ([{**GOOD, "question": -1}], {}),
        ([{**GOOD, "clip": "\x1b[2J"}], {}),
        ([{**GOOD, "clip": "x" * 1000}], {}),
        ([{**GOOD, "clip": None}], {}),
        ([[]], {}),
        ({"0": GOOD}, {}),
        ([GOOD], {"methods": ["ours", "ours", "theirs"]}),
        ([GOOD], {"methods": "ours theirs"}),
        ([GOOD], {"methods": ["ours", "theirs", "\x07"]}),
        ([GOOD], {"questions": []}),
        ([GOOD], {"study": 3}),
        ([GOOD], {"voter": "me"}),
        ([GOOD], {"voter": 2**40}),
        ([GOOD], {"voter": True}),
        ([GOOD], {"version": 2}),
        ([GOOD], {"format": "other"}),
    ],
)
def test_a_file_that_is_not_as_saved_is_refused(tmp_path, votes, other, capsys):
    path = saved(tmp_path / "votes.json", votes, **other)
    assert main(["bench", "votes", str(path)]) == 2
    said = capsys.readouterr().err
    assert "expected votes as a page saves them" in said
    assert "votes.json" in said
    assert "\x1b" not in said


def test_what_is_no_file_of_votes_is_refused(tmp_path, two):
    for name, data in (
        ("words", b"hello"), ("list", b"[]"), ("nan", b"NaN"), ("bytes", b"\xff\xfe\x00"),
        ("deep", b"[" * 100_000), ("large", b" " * (LARGEST + 1)),
    ):  # fmt: skip
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UserError, match="expected votes"):
            merge([path])
    with pytest.raises(UserError, match="files of votes, got none"):
        merge([])
    with pytest.raises(UserError, match="expected votes in"):
        merge([tmp_path / "absent"])
    with pytest.raises(UserError, match="got none"):
        merge([saved(tmp_path / "empty", [])])
    other = saved(tmp_path / "other", [GOOD], study="xyz")
    with pytest.raises(UserError, match="one study, got abc in"):
        merge([two[0], other])


def test_the_table_and_its_json(two, capsys):
    assert main(["bench", "votes", *map(str, two)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("4 votes of 2 voters on 2 clips, 67% of the preferences for the left")
    assert text.index(QUESTIONS[0]) < text.index("ours") < text.index(QUESTIONS[1])
    assert main(["bench", "votes", *map(str, two), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"][0]["method"] == "ours"
    assert found["beats"][QUESTIONS[1]]["still"] == {"theirs": 1.0}
