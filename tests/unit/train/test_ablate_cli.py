"""`kinecast ablate`: two arms of a few steps, from the command to the table."""

import json
import shutil
from contextlib import redirect_stdout
from io import StringIO

import pytest

from kinecast.cli.main import main
from kinecast.train.ablate import run as runs


def ablate(*words):
    printed = StringIO()
    with redirect_stdout(printed):
        status = main(["ablate", *map(str, words)])
    return status, printed.getvalue()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("micro")
    status, printed = ablate("micro", "--out", out, "--device", "cpu", "--json")
    assert status == 0
    return out, json.loads(printed)


def test_arms_are_compared_as_the_paper_compares_them(done):
    out, found = done
    assert (found["suite"], found["seeds"]) == ("micro", [0, 1])
    explained = found["claims"][0]
    assert explained["verdict"] == "agree"  # of positions against offsets, whatever is trained
    assert explained["low"] <= explained["difference"] <= explained["high"]
    assert explained["difference"] == pytest.approx(explained["ours"] - explained["reference"])
    assert found["arms"]["offsets"]["steps"] == 4
    table = (out / "table.md").read_text()
    assert "| without offsets > offsets | figure 3b" in table
    assert "4.30 / 4.01 / 3.24 / 3.99 against" in table
    assert json.loads((out / "table.json").read_text())["claims"] == found["claims"]
    curves = json.loads((out / "curves.json").read_text())
    assert [len(seed["loss"]) for seed in curves["offsets"]["vae"]] == [4, 4]


def test_what_is_done_is_not_done_again_and_what_is_missing_is(done, tmp_path, monkeypatch):
    out, found = done
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "arms" / "offsets" / "seed-1" / "scores.json").unlink()
    trained = []
    monkeypatch.setattr(
        runs, "train", lambda recipe, build, folder, *a, **k: trained.append(folder.name)
    )
    status, printed = ablate("micro", "--out", copy, "--device", "cpu", "--json")
    assert status == 0
    assert trained == ["seed-1"]
    assert json.loads(printed)["claims"] == found["claims"]


def test_what_another_recipe_has_done_is_refused(done, tmp_path, capsys):
    out, _ = done
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    recipe = copy / "arms" / "offsets" / "seed-1" / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"steps": 4', '"steps": 999'))
    assert ablate("micro", "--out", copy, "--device", "cpu")[0] == 2
    error = capsys.readouterr().err
    assert "seed-1 holds a run of another recipe: vae.steps was 999 and is now 4" in error


def test_a_folder_of_another_budget_is_refused(done, capsys):
    out, _ = done
    assert ablate("micro", "--out", out, "--budget", "2", "--device", "cpu")[0] == 2
    error = capsys.readouterr().err
    assert "holds suite micro at budget 1, not micro at 2; use another --out" in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "expected a suite, got none; suites: trajloom"),
        (("micro",), "expected --out DIR"),
        (("mikro", "--out", "x"), "no suite 'mikro'; did you mean"),
        (("micro", "--out", "x", "--arms", "ofsets"), "no arm 'ofsets'"),
        (("micro", "--out", "x", "--seeds", "0"), "expected --budget > 0 and --seeds >= 1"),
    ],
)
def test_mistakes_are_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ablate(*words, "--device", "cpu")[0] == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_suites_and_arms_are_listed():
    status, printed = ablate("--list", "--json")
    assert status == 0
    assert {"trajloom", "whn", "zipmo"} < set(json.loads(printed)["suites"])
    _, printed = ablate("trajloom", "--list")
    assert "without anchoring: " in printed
