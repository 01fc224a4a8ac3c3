"""`kinecast bench` through the command line, on a tiny network and few clips."""

import json
from dataclasses import asdict, replace

import pytest
import torch

from kinecast.bench.switches import SWITCHES
from kinecast.cli.bench import BENCH
from kinecast.cli.main import main
from kinecast.forecast.baselines import baselines
from kinecast.io.checkpoint import save_checkpoint
from kinecast.systems.registry import FORMAT, build
from kinecast.systems.trajloom.config import preset


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint folder with an untrained network of a short window."""
    size = replace(preset("tiny"), frames=24, channels=16)
    config = {"format": FORMAT, "system": "trajloom", "model": asdict(size)}
    folder = tmp_path_factory.mktemp("model") / "tiny"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_checkpoint(folder, config, build(config).state_dict(), "card")
    return str(folder)


def bench(capsys, *words):
    status = main(["bench", *words, "--json"])
    streams = capsys.readouterr()
    assert status == 0, streams.err
    return json.loads(streams.out)


def test_switches_measures_each_one(capsys, model, tmp_path):
    out = tmp_path / "switches.json"
    words = ("switches", "--model", model, "--clips", "1", "--out", str(out))
    report = bench(capsys, *words)
    assert [row["switch"] for row in report["switches"]] == [switch.name for switch in SWITCHES]
    assert json.loads(out.read_text()) == report


def test_speed_times_each_stage(capsys, model, monkeypatch):
    monkeypatch.setattr("kinecast.core.flops.REPEATS", 1)
    report = bench(capsys, "speed", "--model", model, "--precision", "bf16", "--steps", "2")
    assert report["model"] == model
    assert (report["precision"], report["steps"]) == ("bf16", 2)
    assert report["stages"]["sample_8"]["seconds"] > 0
    assert main(["bench", "speed", "--model", model]) == 0
    assert "sample_8" in capsys.readouterr().out


def test_opponents_measures_every_baseline(capsys, monkeypatch):
    monkeypatch.setattr("kinecast.bench.validation.WINDOWS", (8,))
    report = bench(capsys, "opponents", "--clips", "2")
    assert set(report["synthetic"]["ade"]) == set(baselines())
    assert report["synthetic"]["clips"] == 2
    assert report["synthetic"]["best"] in baselines()


def test_help_says_what_each_one_measures(capsys):
    for words in (["bench"], ["bench", "--help"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        assert all(verb in text for verb in BENCH)
    for verb in BENCH:
        assert main(["bench", verb, "--help"]) == 0
        assert f"kinecast bench {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("switches", "--clips", "0"), "--clips of at least 1"),
        (("opponents", "--clips", "-1"), "--clips of at least 1"),
        (("shards", "--clips", "0"), "--clips of at least 1"),
        (("speed", "--size", "whn-b", "--model", "mine"), "--model or --size, got both"),
        (("speed", "--size", "whn-bb"), "whn-b"),
        (("speed", "--steps", "0"), "--steps of at least 1"),
        (("switches", "--model", "nothing"), "no model is called 'nothing'"),
        (("speed", "--device", "abacus"), "expected device"),
        (("everything",), "expected kinecast bench with a verb of run"),
        (("speeed",), "did you mean speed?"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(capsys, words, message):
    assert main(["bench", *words]) == 2
    streams = capsys.readouterr()
    (line,) = streams.err.strip().splitlines()
    assert message in line
    assert streams.out == ""


@pytest.mark.parametrize(
    "words", [("speed", "clip.mp4"), ("trackers", "--fetch"), ("trackers", "--precision", "bf16")]
)
def test_an_option_of_another_one_is_refused(capsys, words):
    assert main(["bench", *words]) == 2
    assert words[1] in capsys.readouterr().err
