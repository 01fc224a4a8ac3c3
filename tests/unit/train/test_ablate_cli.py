"""`kinecast ablate`: two arms of a few steps, from the command to the table."""

import json
import shutil
import signal
from contextlib import redirect_stdout
from io import StringIO

import pytest

from kinecast.cli.main import main
from kinecast.train import loop
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


@pytest.fixture
def copy(done, tmp_path):
    return shutil.copytree(done[0], tmp_path / "copy")


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


def test_what_is_done_is_not_done_again_and_what_is_missing_is(done, copy, monkeypatch):
    _, found = done
    (copy / "arms" / "offsets" / "seed-1" / "scores.json").unlink()
    trained = []
    monkeypatch.setattr(
        runs, "train", lambda recipe, build, folder, *a, **k: trained.append(folder.name)
    )
    status, printed = ablate("micro", "--out", copy, "--device", "cpu", "--json")
    assert status == 0
    assert trained == ["seed-1"]
    assert json.loads(printed)["claims"] == found["claims"]


def test_an_arm_that_is_added_is_compared_with_that_of_an_earlier_command(done, copy):
    _, found = done
    shutil.rmtree(copy / "arms" / "without-offsets")
    words = ("--arms", "without offsets", "--seeds", 1, "--device", "cpu", "--json")
    status, printed = ablate("micro", "--out", copy, *words)
    assert status == 0
    table, scores, curves = (
        json.loads((copy / f"{name}.json").read_text()) for name in ("table", "scores", "curves")
    )
    assert list(table["arms"]) == list(scores) == list(curves) == ["offsets", "without offsets"]
    assert all(len(seeds) == 1 for seeds in scores["offsets"].values())  # none is of the first run
    assert json.loads(printed)["claims"] == table["claims"]
    of_seed_0 = [claim["by_seed"][:1] for claim in found["claims"]]
    assert [claim["by_seed"] for claim in table["claims"]] == of_seed_0


def without_a_seed(arm):
    (arm / "seed-1" / "scores.json").unlink()


def of_another_recipe(arm):
    recipe = arm / "seed-1" / "recipe.json"
    recipe.write_text(recipe.read_text().replace('"steps": 4', '"steps": 999'))


@pytest.mark.parametrize("spoil", [without_a_seed, of_another_recipe])
def test_what_is_not_of_the_same_run_is_left_out_unless_it_was_asked_for(spoil, copy):
    spoil(copy / "arms" / "without-offsets")
    words = ("micro", "--arms", "offsets", "--out", copy, "--device", "cpu", "--json")
    status, printed = ablate(*words)
    assert status == 0
    found = json.loads(printed)
    assert (list(found["arms"]), found["claims"]) == (["offsets"], [])


def test_what_another_recipe_has_done_is_refused(copy, capsys):
    of_another_recipe(copy / "arms" / "offsets")
    assert ablate("micro", "--out", copy, "--device", "cpu")[0] == 2
    error = capsys.readouterr().err
    assert "seed-1 holds a run of another recipe: vae.steps was 999 and is now 4" in error


def test_a_run_that_a_signal_stops_is_continued_by_the_same_command(
    done, copy, monkeypatch, capsys
):
    run = "arms/without-offsets/seed-0"
    shutil.rmtree(copy / run)  # as it is when the first arm is done
    trained, steps, train, learning_rate = [], [], runs.train, loop.learning_rate

    def noted(recipe, build, folder, *args, **options):
        trained.append(folder)
        train(recipe, build, folder, *args, **options)

    def signalled(optim, step):
        steps.append(step)
        if len(steps) == 1:
            signal.raise_signal(signal.SIGTERM)
        return learning_rate(optim, step)

    monkeypatch.setattr(runs, "train", noted)
    monkeypatch.setattr(loop, "learning_rate", signalled)
    words = ("micro", "--out", copy, "--device", "cpu")
    assert ablate(*words)[0] == 143
    error = capsys.readouterr().err
    assert "kinecast ablate: SIGTERM: saved vae after step 1; run the same command to" in error

    cpu = copy / run / "cpu.json"
    spent = json.loads(cpu.read_text())["cpu_seconds"]
    assert spent > 0
    cpu.write_text(json.dumps({"cpu_seconds": 1000 + spent}))  # more than the rest can take
    assert ablate(*words)[0] == 0
    assert (trained, steps) == ([copy / run] * 2, [0, 1, 2, 3])
    stopped, whole = (
        json.loads((out / run / "scores.json").read_text()) for out in (copy, done[0])
    )
    assert stopped["cpu_seconds"] > 1000 + spent
    assert stopped["scores"] == whole["scores"]


def test_a_signal_ends_a_measure_too(done, copy, monkeypatch):
    (copy / "arms" / "offsets" / "seed-1" / "scores.json").unlink()
    words = ("micro", "--out", copy, "--device", "cpu", "--json")
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_measure", lambda *args: signal.raise_signal(signal.SIGTERM))
        assert ablate(*words)[0] == 143
    status, printed = ablate(*words)
    assert status == 0
    assert json.loads(printed)["claims"] == done[1]["claims"]


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
