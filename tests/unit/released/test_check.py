"""Recorded cases: reading them, and what counts as within tolerance."""

import json
import math

import numpy as np
import pytest
import torch

from kinecast.cli.main import main
from kinecast.core.errors import UserError
from kinecast.released import check as checks
from kinecast.released.case import Case
from kinecast.released.check import check, deviation, tolerance

LINE = {"a": [1.0, 2.0, 4.0], "inter.b": [9.0], "n": [3.0]}


def doubled(case):
    """A replay for the tests: outputs are twice the inputs."""
    return {name: 2 * value for name, value in case.inputs.items()}


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Write a case of the system "double"."""
    monkeypatch.setitem(checks.REPLAYS, "double", f"{__name__}:doubled")

    def write(name="case", outputs=LINE, change=0.0, **about):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        np.savez(folder / "i.npz", **{k: np.array(v) / 2 for k, v in outputs.items()})
        np.savez(folder / "o.npz", **{k: np.array(v) + change for k, v in outputs.items()})
        case = {
            **{"system": "double", "kind": "any", "weights": {}, "config": None},
            **{"inputs": "i.npz", "outputs": "o.npz", "tolerance": {"abs": 1e-3}, **about},
        }
        (folder / "case.json").write_text(json.dumps(case))
        return folder

    return write


def test_every_output_but_the_aids_is_judged(record):
    found = check(Case.read(record()))
    assert [d.output for d in found] == ["a", "n"]
    assert all(d.within and d.value == 0 for d in found)
    found = check(Case.read(record("off", change=2e-3)))
    assert [d.within for d in found] == [False, False]
    assert found[0].value == pytest.approx(2e-3)


def test_a_replay_must_give_every_output(record, monkeypatch):
    folder = record()
    monkeypatch.setattr(f"{__name__}.doubled", lambda case: {"a": case.inputs["a"] * 2})
    with pytest.raises(UserError, match=r"got none of n$"):
        check(Case.read(folder))


def test_the_nearest_tolerance_wins():
    section = {"abs": 1.0, "x*": {"rel": 2.0}, "xy": {"exact": True}, "*z": {"rel_to_max": 3.0}}
    assert tolerance(section, "a") == {"abs": 1.0}
    assert tolerance(section, "xa") == {"rel": 2.0}
    assert tolerance(section, "xy") == {"exact": True}
    assert tolerance(section, "xz") == {"rel": 2.0}
    assert tolerance(section, "az") == {"rel_to_max": 3.0}
    for wrong in ({}, {"atol": 1.0}, "see the page"):
        with pytest.raises(UserError, match="expected a tolerance of abs, rel, rel_to_max, exact"):
            tolerance(wrong, "a")


@pytest.mark.parametrize(
    ("measure", "ours", "recorded", "value"),
    [
        ("abs", [1.0, 2.5], [1.0, 2.0], 0.5),
        ("rel", [1.0, 2.5], [1.0, 2.0], 0.25),
        ("rel", [0.0, 2.0], [0.0, 2.0], 0.0),
        ("rel", [1e-9, 2.0], [0.0, 2.0], math.inf),
        ("rel_to_max", [1.5, 4.0], [1.0, 4.0], 0.125),
        ("rel_to_max", [0.0, 0.0], [0.0, 0.0], 0.0),
        ("rel_to_max", [1.0, 0.0], [0.0, 0.0], math.inf),
        ("exact", [1.0, 2.0], [1.0, 3.0], 1.0),
        ("abs", [math.nan, 1.0], [math.nan, 1.0], 0.0),
        ("abs", [0.0, 1.0], [math.nan, 1.0], math.inf),
        ("abs", [math.inf, 1.0], [-math.inf, 1.0], math.inf),
        ("abs", [math.inf, 1.5], [math.inf, 1.0], 0.5),
        ("abs", [1.0], [1.0, 1.0], math.inf),
        ("abs", [], [], 0.0),
    ],
)
def test_measures(measure, ours, recorded, value):
    limits = {measure: True if measure == "exact" else 0.1}
    found = deviation("x", torch.tensor(ours), torch.tensor(recorded), limits)
    assert found.value == pytest.approx(value)
    assert found.within == (value <= (0.0 if measure == "exact" else 0.1))


def test_exact_takes_any_type():
    recorded = torch.tensor([1, 0], dtype=torch.uint8)
    assert deviation("x", torch.tensor([True, False]), recorded, {"exact": True}).within
    assert not deviation("x", torch.tensor([0.7, 0.0]), recorded, {"exact": True}).within


def test_of_several_measures_one_is_enough():
    ours, recorded = torch.tensor([100.5]), torch.tensor([100.0])
    assert deviation("x", ours, recorded, {"abs": 0.1, "rel": 0.01}).measure == "rel"
    assert deviation("x", ours, recorded, {"abs": 0.1, "rel": 0.001}).measure == "abs"


def test_what_a_case_lacks_is_named(record):
    case = Case.read(record())
    with pytest.raises(UserError, match=r"expected 'aa' in .*i.npz, got a, inter.b, n"):
        case.inputs["aa"]
    with pytest.raises(UserError, match=r"expected 'vae' in .*case.json, got nothing"):
        case.weights("vae")
    assert case.config is None
    (case.folder / "o.npz").write_bytes(b"no arrays")
    with pytest.raises(UserError, match=r"expected arrays in .*o.npz"):
        check(Case.read(case.folder))


def test_configurations_are_nested_and_name_what_is_missing(record):
    folder = record(config="c.json")
    (folder / "c.json").write_text('{"a": {"b": 1}}')
    config = Case.read(folder).config
    assert config["a"]["b"] == 1
    with pytest.raises(UserError, match=r"expected 'bb' in .*c.json, got b; did you mean b\?"):
        config["a"]["bb"]


def test_the_command_prints_every_output_and_its_tolerance(record, capsys):
    assert main(["import-weights", "--check", str(record())]) == 0
    out = capsys.readouterr().out
    assert "(double, any)" in out
    assert [line.split()[0] for line in out.splitlines()[1:]] == ["a", "n"]
    assert all("tolerance 0.001 abs" in line for line in out.splitlines()[1:])


def test_exit_status_1_beyond_tolerance_and_2_for_what_cannot_be_read(record, tmp_path, capsys):
    good, off = record("all/good"), record("all/off", change=1.0)
    record("all/metric", kind="metrics")
    bad = record("bad", system="dubble")
    assert main(["import-weights", "--check", str(good), str(off)]) == 1
    assert "BEYOND TOLERANCE" in capsys.readouterr().out
    assert main(["import-weights", "--check", str(tmp_path / "all")]) == 1
    streams = capsys.readouterr()
    assert "1 cases of metrics" in streams.err
    assert "metric (" not in streams.out
    (tmp_path / "all" / "cut").mkdir()
    (tmp_path / "all" / "cut" / "case.json").write_text("{")
    assert main(["import-weights", "--check", str(tmp_path / "all")]) == 2
    streams = capsys.readouterr()
    assert "expected a JSON file" in streams.err
    assert "good (double" in streams.out
    assert main(["import-weights", "--check", str(bad), str(off), "--json"]) == 2
    streams = capsys.readouterr()
    report = json.loads(streams.out)["cases"]
    assert "did you mean double" in report[0]["error"]
    assert [o["within"] for o in report[1]["outputs"]] == [False, False]
    assert main(["import-weights", "--check", str(tmp_path / "absent")]) == 2
    (tmp_path / "empty").mkdir()
    assert main(["import-weights", "--check", str(tmp_path / "empty")]) == 2
    assert "got none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected --out DIR"),
        (["--out", "x"], "expected a published system of trajloom, whn, zipmo"),
        (["trajlom", "--out", "x"], "did you mean trajloom"),
        (["trajloom", "--out", "x"], "expected the files of trajloom, got none"),
        (["trajloom", "a.pt", "--out", "x", "--set", "frame"], "expected --set NAME=VALUE"),
        (["trajloom", "a.pt", "--out", "x"], "expected a file of weights at a.pt"),
        (["trajloom", "--hub", "--out", "x"], "expected --repository OWNER/NAME"),
        (["whn", "--hub", "--out", "x"], "kubric-s, kubric-b"),
        (["--export", "nowhere", "--out", "x"], "no model is called 'nowhere'"),
        (["--export", "trajloom-small", "--out", "x"], "expected a model of system trajloom-paper"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["import-weights", *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
