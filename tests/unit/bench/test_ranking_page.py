"""The page of a user study: what it holds, that it is blind and fair, and that it runs."""

import html.parser
import json
import re
import shutil
import subprocess
from collections import Counter

import numpy as np
import pytest

from kinecast.bench.parts import write_cases, write_json, write_rows
from kinecast.bench.ranking import standings, write
from kinecast.bench.ranking.page import study_of
from kinecast.bench.results import CaseFacts, Result, Row
from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.io.image import write_image

CLIPS = ("a", "b", "c", "d")


@pytest.fixture
def folders(tmp_path):
    """Three methods' folders of pictures; the third lacks a clip."""
    found = []
    for i, name in enumerate(("ours", "theirs", "still")):
        folder = tmp_path / f"clips {name}"
        folder.mkdir()
        for clip in CLIPS[: len(CLIPS) - (name == "still")]:
            write_image(folder / f"{clip}.png", np.full((4, 6, 3), 40 * i, np.uint8))
        (folder / "notes.txt").write_text("not a clip")
        found.append(f"{name}={folder}")
    return found


def study_in(path):
    text = path.read_text("utf-8")
    (found,) = re.findall(r'<script type="application/json" id="study">(.*?)</script>', text)
    return json.loads(found)


def shown(methods, clips):
    item = {"kind": "picture", "data": "data:image/png;base64,"}
    return {m: dict.fromkeys(clips, item) for m in methods}


def test_one_file_that_asks_no_other(folders, tmp_path):
    page = write(folders, tmp_path / "page.html", questions=["Which </script> is it?"])
    assert page.is_absolute()
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="|url\(|https?://|\bimport\b', text)
    assert text.count("</script>") == 2  # the question did not end the element
    html.parser.HTMLParser().feed(text)
    study = study_in(page)
    assert study["methods"] == ["ours", "still", "theirs"]
    assert len(study["pairs"]) == 4 + 3 + 3
    for pair in study["pairs"]:
        items = study["items"][pair["clip"]]
        assert all(items[str(pair[side])]["data"].startswith("data:image/png") for side in "ab")


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_order(folders, tmp_path):
    pages = [write(folders, tmp_path / f"{i}.html", seed=s) for i, s in enumerate((0, 0, 1))]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    studies = [study_in(page) for page in pages]
    assert studies[0]["pairs"] != studies[2]["pairs"]
    assert studies[0]["id"] != studies[2]["id"]


def test_methods_meet_equally_often_whatever_the_number_of_pairs():
    methods, clips = [f"m{i}" for i in range(5)], [f"c{i:02}" for i in range(30)]
    for most in (10, 34, 1000):
        pairs = study_of(shown(methods, clips), ["?"], most, 0)["pairs"]
        assert len(pairs) == min(most, 10 * 30)
        met = Counter((pair["a"], pair["b"]) for pair in pairs)
        assert max(met.values()) - min(met.values()) <= (most % 10 > 0)
        assert len({(p["clip"], p["a"], p["b"]) for p in pairs}) == len(pairs)
    firsts = {study_of(shown(methods, clips), ["?"], 10, s)["pairs"][0]["a"] for s in range(20)}
    assert len(firsts) > 1


@pytest.fixture
def run(tmp_path):
    """A run folder of two methods and a case, with stored paths."""
    folder = tmp_path / "run"
    about = {"suite": "s", "lots": ["lot"], "models": {"ours": {}, "theirs": {}}}
    write_json(folder / "run.json", about)
    xy = np.zeros((2, 3, 2), np.float16)
    xy[1, 0] = np.nan
    facts = CaseFacts(
        id="c", group="g", scene="c", kind="synthetic", about={}, size=(64, 48), history_frames=2,
        horizon=4, futures=1, opponent="", scalars={}, curves={}, features={},
        picked=np.arange(3), shown=np.arange(4), history=xy, truth=np.zeros((4, 3, 2), np.float16),
        jpeg=b"\xff\xd8\xff",
    )  # fmt: skip
    write_cases(folder / "cases" / "lot.parquet", [facts])
    for name in about["models"]:
        paths = np.stack([np.full((4, 3, 2), i, np.float16) for i in (5, 9)])
        row = Row(name, "c", "g", "c", "synthetic", "", Result(paths=paths))
        write_rows(folder / "models" / name / "lot.parquet", [row])
    return folder


def test_the_first_sample_of_a_run_is_drawn(run, tmp_path):
    study = study_in(write([str(run)], tmp_path / "page.html"))
    assert study["methods"] == ["ours", "theirs"]
    item = study["items"][0]["0"]
    assert item["future"] == [[[5.0, 5.0]] * 3] * 4
    assert item["history"][1] == [None, [0.0, 0.0], [0.0, 0.0]]
    assert item["picture"].startswith("data:image/jpeg;base64,")
    assert item["size"] == [64, 48]


def test_what_cannot_be_ranked_is_refused(folders, run, tmp_path):
    out, still = tmp_path / "page.html", folders[2].partition("=")[2]
    lone = tmp_path / "lone"
    lone.mkdir()
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "a.png").write_bytes(b"<html>")
    twice = tmp_path / "twice"
    shutil.copytree(still, twice)
    shutil.copy(twice / "a.png", twice / "a.PNG")
    for sources, message in (
        (folders[:1], "at least 2 methods"),
        ([], "at least 2 methods"),
        ([folders[0], folders[0]], "each method once, got ours twice"),
        ([str(run), f"ours={still}"], "got ours twice"),
        ([folders[0], f"lone={lone}"], "clips"),
        ([folders[0], f"x={fake}"], "expected image/png"),
        ([folders[0], f"x={twice}"], "two of a"),
        ([folders[0], str(lone)], "NAME=FOLDER"),
        ([folders[0], "=x"], "NAME=FOLDER"),
    ):
        with pytest.raises(UserError, match=message):
            write(sources, out)
    with pytest.raises(UserError, match="at least one question"):
        write(folders, out, questions=[])
    with pytest.raises(UserError, match="at least one question"):
        write(folders, out, pairs=0)
    with pytest.raises(UserError, match="a clip that two of a, b have"):
        study_of({**shown("a", "x"), **shown("b", "y")}, ["?"], 9, 0)
    assert not out.exists()


BROWSER = """
const data = require("fs").readFileSync(process.argv[2], "utf8");
const study = data.match(/id="study">(.*?)<\\/script>/s)[1];
const script = data.match(/<script>("use strict";.*?)<\\/script>/s)[1];
const listeners = {}, elements = {}, saved = [], memory = {};
const made = (id) => elements[id] ??= { id, textContent: id === "study" ? study : "",
  shown: [], classList: { toggle() {} }, addEventListener() {}, blur() {},
  replaceChildren(child) { this.shown = child; } };
globalThis.document = { getElementById: made, body: made("body"), querySelectorAll: () => [],
  createElement: (name) => ({ name, click() {}, getContext: () => ({}) }) };
globalThis.localStorage = { getItem: (k) => memory[k] ?? null, setItem(k, v) { memory[k] = v; } };
Object.defineProperty(globalThis, "crypto",
  { value: { getRandomValues: (a) => { a[0] = Number(process.argv[3]); return a; } } });
globalThis.requestAnimationFrame = () => 0;
globalThis.addEventListener = (name, call) => { listeners[name] = call; };
globalThis.Blob = class { constructor(parts) { saved.push(parts.join("")); } };
globalThis.URL = { createObjectURL: () => "", revokeObjectURL() {} };
new Function(script)();
const press = (key) => listeners.keydown({ key, preventDefault() {} });
for (const key of process.argv[4].split(",")) press(key);
console.log(JSON.stringify({ saved, said: elements.question.textContent }));
"""


def voted(page, tmp_path, voter, keys):
    """What the page saved after a voter pressed these keys."""
    script = tmp_path / "browser.cjs"
    script.write_text(BROWSER)
    words = ["node", str(script), str(page), str(voter), ",".join(keys)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    path = tmp_path / f"votes-{voter}.json"
    path.write_text(found["saved"][-1])
    return path, found["said"]


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")


@needs_node
def test_votes_by_keys_are_saved_as_they_are_read(folders, tmp_path):
    page = write(folders, tmp_path / "page.html", questions=["Real?", "Fitting?"], pairs=3)
    keys = ["ArrowLeft", "ArrowDown", "ArrowRight", "Backspace", "ArrowLeft", "x", "e"]
    path, _ = voted(page, tmp_path, 5, keys)
    votes = json.loads(path.read_text())["votes"]
    assert [vote["choice"] for vote in votes] == ["left", "tie", "left"]
    assert [vote["question"] for vote in votes] == [0, 1, 0]
    whole, said = voted(page, tmp_path, 6, ["ArrowRight"] * 20 + ["e"])
    assert said == "Thank you: the votes are saved."
    found = standings([path, whole])
    assert (found.voters, found.votes) == (2, 3 + 6)


@needs_node
def test_order_and_sides_are_each_voters_own(folders, tmp_path):
    """Who always takes the left prefers no method."""
    page = write(folders, tmp_path / "page.html")
    files = [voted(page, tmp_path, n, ["ArrowLeft"] * 10 + ["e"])[0] for n in range(1, 13)]
    ballots = [json.loads(path.read_text())["votes"] for path in files]
    assert len({(b[0]["clip"], b[0]["left"]) for b in ballots}) > 3
    sides = [frozenset((v["clip"], v["left"], v["right"]) for v in ballot) for ballot in ballots]
    assert len(set(sides)) > 6
    found = standings(files)
    assert found.left == 1
    assert all(abs(row.won - 0.5) < 0.2 for row in found.rows)


def test_the_command_writes_the_page(folders, tmp_path, capsys):
    out = tmp_path / "page.html"
    words = ["bench", "ranking", *folders, "--out", str(out), "--question", "Real?"]
    words += ["--question", "Fitting?", "--pairs", "4"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"paths": [str(out)]}
    assert len(study_in(out)["pairs"]) == 4
    assert study_in(out)["questions"] == ["Real?", "Fitting?"]
    assert main(["bench", "ranking", *folders, "--out", str(out)]) == 0
    assert study_in(out)["questions"] == ["Which motion is more realistic?"]
