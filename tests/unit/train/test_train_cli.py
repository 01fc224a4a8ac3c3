import json
import signal

import pytest

from kinecast.cli.main import main
from kinecast.train import run
from kinecast.train.recipes import RECIPES
from kinecast.train.stopping import Stopped

FEW = ("data.clips=16", "data.chunk=16", "data.validation=2", "bf16=false")


def fails(capsys, *words):
    assert main(["train", *words]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_list_names_the_recipes(capsys):
    assert main(["train", "--list"]) == 0
    assert capsys.readouterr().out.split() == list(RECIPES)
    assert main(["train", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"recipes": list(RECIPES)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected a recipe, got none"),
        (["trajloom-vae"], "expected --out DIR"),
        (["trajloom-vea", "--out", "run"], "did you mean trajloom-vae?"),
        (["trajloom-vae", "size=huge", "--out", "run"], "use size=tiny"),
        (["trajloom-vae", "lrr=1", "--out", "run"], "did you mean lr?"),
        (["trajloom-vae", "lr=fast", "--out", "run"], "expected lr as a number, got 'fast'"),
        (["trajloom-vae", "--motion", "nowhere", "--out", "run"], "got nowhere"),
        (["trajloom-vae", "--init", "nowhere", "--out", "run"], "got nowhere"),
        (["trajloom-flow", "--vae", "nowhere", "--out", "run"], "got nowhere"),
        (["trajloom-small", "--vae", ".", "--out", "run"], "trajloom-small has no VAE"),
        (["trajloom-vae", "--shard", "--out", "run"], "expected several processes to shard"),
        (
            ["trajloom-vae", "batch=8", "micro=3", *FEW, "--out", "run"],
            "multiple of vae.micro=3, got 8",
        ),
        (["trajloom-vae", "--device", "gpu", "--out", "run"], "expected device auto"),
        (
            ["trajloom-vae", "data.chunk=1", "--out", "run"],
            "expected data.clips >= data.chunk >= 10",
        ),
        (["trajloom-vae", "data.families=mixx", "--out", "run"], "expected a family of worlds"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_model(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    if words:
        words = [words[0], *(["size=tiny"] if "size=huge" not in words else []), *words[1:]]
    assert message in fails(capsys, *words)
    assert not (tmp_path / "run" / "model").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trajloom-flow", "--out", "cache"], "--vae"),
        (["--vae", ".", "--out", "cache"], "expected a recipe, got none"),
        (["trajloom-flow", "--vae", "nowhere", "--out", "cache"], "got nowhere"),
        (["trajloom-small", "--vae", ".", "--out", "cache"], "trajloom-small has no VAE"),
    ],
)
def test_mistakes_of_prepare_latents(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare-latents", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_stop_ends_with_the_status_of_its_signal(capsys, monkeypatch, tmp_path):
    def stopped(*args, **options):
        raise Stopped(signal.SIGTERM, "vae after step 3")

    monkeypatch.setattr(run, "train", stopped)
    assert main(["train", "trajloom-vae", "size=tiny", "--out", str(tmp_path)]) == 143
    assert capsys.readouterr().err == (
        "kinecast train: SIGTERM: saved vae after step 3; run the same command to continue\n"
    )


@pytest.mark.parametrize(
    "options",
    [
        "whn-vae stps=3 --out {} --json",
        "whn-vae --out {} stps=3 --json",
        "--out={} --json whn-vae stps=3",
        "--json whn-vae --out {} stps=3",
    ],
)
def test_words_may_stand_among_options(options, tmp_path, capsys):
    assert main(["train", *options.format(tmp_path / "run").split()]) == 2
    assert "recipe whn-vae has no key 'stps'; did you mean steps?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_an_option_without_its_value_does_not_eat_a_word(tmp_path, capsys):
    assert main(["train", "whn-vae", "--out"]) == 2
    assert "--out" in capsys.readouterr().err
