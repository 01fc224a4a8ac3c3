"""`kinecast bench run` and what it leads to, through the command line."""

import json
from pathlib import Path

import image_models
import pytest

from kinecast.bench.results import read
from kinecast.cli.main import main

RUN = ("bench", "run", "micro", "--device", "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "run"
    assert main([*RUN, "--models", "constant_position,damped_2_0.8,truth", "--out", str(out)]) == 0
    return out


def test_run_prints_its_folder(folder, capsys):
    words = [*RUN, "--models", "linear_4", "--out", str(folder)]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(folder)
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"folder": str(folder), "rows": 0, "failed": {}}
    assert len(read(folder).of("linear_4")) == 3


def test_report_of_a_run(folder, tmp_path, capsys):
    assert main(["bench", "report", str(folder), "--out", str(tmp_path / "report"), "--json"]) == 0
    paths = json.loads(capsys.readouterr().out)["paths"]
    names = {path.rsplit("/", 1)[1] for path in paths}
    assert names == {"report.html", "report.md", "report.json"}
    text = (tmp_path / "report" / "report.md").read_text()
    assert all(name in text for name in ("constant_position", "truth", "micro"))


def test_export_of_a_suite(tmp_path, capsys):
    assert main(["bench", "export", "micro", "--out", str(tmp_path / "inputs")]) == 0
    manifest = json.loads(Path(capsys.readouterr().out.strip()).read_text())
    assert len(manifest["cases"]) == 3


def test_suites_are_listed_with_what_to_fetch(capsys):
    assert main(["bench", "suites"]) == 0
    assert "micro (version 1; mini)" in capsys.readouterr().out
    assert main(["bench", "suites", "--json"]) == 0
    suites = {one["name"]: one for one in json.loads(capsys.readouterr().out)["suites"]}
    assert suites["micro"]["fetch"] == ""
    assert any(one["fetch"] for one in suites.values())


def test_a_contestant_that_fails_is_an_exit_status(tmp_path, capsys, monkeypatch):
    """A model whose encoder is not there; the truth is measured all the same."""
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path / "home"))
    blind = image_models.whn(tmp_path / "whn", frames=14)
    words = [*RUN, "--models", f"{blind},truth", "--out", str(tmp_path / "run")]
    assert main(words) == 1
    streams = capsys.readouterr()
    assert streams.err.startswith("whn failed: ")
    assert streams.out.strip() == str(tmp_path / "run")
    assert {row.model for row in read(tmp_path / "run").rows} == {"truth"}


def test_one_sample_instead_of_the_suite_s(tmp_path):
    words = [*RUN, "--models", "trajloom-small", "--k", "1", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    found = read(tmp_path / "run")
    assert found.run["protocol"]["k"] == 1
    assert found.rows[0].result.cost["samples"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "mirco", "--models", "truth", "--out", "x"), "did you mean micro"),
        (("run", "micro", "--models", "trth", "--out", "x"), "did you mean truth"),
        (("run", "micro", "--models", "truth", "--out", "x", "--size", "big"), "--size mini"),
        (("run", "micro", "--models", "truth", "--out", "x", "--workers", "0"), "--workers of 1"),
        (("run", "micro", "--models", "truth", "--out", "x", "--k", "0"), "--k of 1"),
        (("run", "micro", "--models", "truth", "--out", "x", "--device", "abacus"), "device"),
        (("report", "nowhere", "--out", "y"), "nowhere"),
        (("everything",), "expected kinecast bench with a verb of run"),
    ],
)
def test_a_mistake_is_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *words]) == 2
    streams = capsys.readouterr()
    (line,) = streams.err.strip().splitlines()
    assert message in line
    assert streams.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_ray_gives_the_same_table(folder, tmp_path):
    pytest.importorskip("ray", reason="needs the extra dist")
    words = [*RUN, "--models", "constant_position,damped_2_0.8,truth,linear_4", "--ray", "local"]
    assert main([*words, "--workers", "2", "--out", str(tmp_path / "run")]) == 0
    ours, theirs = (
        {(row.model, row.case): row.result.scalars for row in read(out).rows}
        for out in (folder, tmp_path / "run")
    )
    assert ours == {key: theirs[key] for key in ours}
