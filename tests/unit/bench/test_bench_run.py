"""Runs: the same table however they are cut short, shared out or added to."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import pytest
from bench_cases import Shifted, case, table

from kinecast.bench import parts, run
from kinecast.bench.results import read
from kinecast.bench.run import Settings
from kinecast.bench.suite import Lot, Suite
from kinecast.core.errors import UserError
from kinecast.data.prepare.local import run_local

MODELS = "constant_position,damped_2_0.8,trajloom-small,truth,tracker:lk"
SETTINGS = Settings("micro", MODELS, "mini", device="cpu")
LOTS = ["history", "poked", "futures"]


def quiet(done, total):
    """Watches nothing."""


def measured(out, settings=SETTINGS, do=map, watch=quiet):
    return run.run(settings, out, do, watch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    report = measured(out)
    assert (report.rows, report.failed) == (15, {})
    return out


def test_a_run_says_what_it_is_of(whole):
    found = read(whole)
    assert [found.run[key] for key in ("suite", "version", "size", "lots")] == [
        "micro", 1, "mini", LOTS,
    ]  # fmt: skip
    assert found.run["protocol"]["k"] == 4
    assert list(found.run["models"]) == MODELS.split(",")
    assert len(found.run["models"]["trajloom-small"]["weights_sha256"]) == 64
    assert found.run["packages"]["torch"]
    assert found.run["machine"]["threads"] == 1


def test_a_row_for_every_contestant_and_case(whole):
    found = read(whole)
    ids = list(found.cases)
    assert [(row.model, row.case) for row in found.rows] == [
        (model, name) for model in MODELS.split(",") for name in ids
    ]
    skipped = [row for row in found.rows if row.skipped]
    assert {row.skipped for row in skipped} == {"takes a history of at least 2 frames"}
    assert len(skipped) == 4
    for row in found.rows:
        assert bool(row.skipped) != bool(row.result.scalars)
        assert row.group == found.cases[row.case].group
    timed = {row.model for row in found.rows if "samples_within_0.2_s" in row.result.cost}
    assert timed == set(MODELS.split(","))
    assert found.of("truth")[0].result.scalars["mean_ade"] == 0


def test_again_is_the_same_and_measures_nothing(whole):
    before, seen = table(whole), []
    report = measured(whole, watch=lambda done, total: seen.append((done, total)))
    assert (report.rows, seen) == (0, [(3, 3)])
    assert table(whole) == before


def test_another_run_gives_the_same_bits_but_for_the_cost(whole, tmp_path):
    measured(tmp_path / "again")
    assert table(tmp_path / "again") == table(whole)


def test_processes_give_the_same_table(whole, tmp_path):
    measured(tmp_path / "run", do=partial(run_local, workers=2))
    assert table(tmp_path / "run") == table(whole)


def test_contestants_can_be_added(whole, tmp_path):
    out, names = tmp_path / "run", MODELS.split(",")
    measured(out, replace(SETTINGS, models=",".join(names[:2])))
    report = measured(out, replace(SETTINGS, models=",".join(names[2:])))
    assert report.rows == 9
    assert table(out) == table(whole)


PROGRAM = "from kinecast.cli.main import main; raise SystemExit(main())"


def _start(out, *options):
    words = ["bench", "run", "micro", "--models", MODELS, "--out", str(out), "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words, *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("options", [(), pytest.param(("--workers", "2"), marks=pytest.mark.slow)])
def test_killed_and_started_again(whole, tmp_path, options):
    """Killed when the first file of rows is there, so between the files of one lot."""
    out = tmp_path / "run"
    process = _start(out, *options)
    while not list(out.glob("models/*/*.parquet")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    there = len(list(out.glob("models/*/*.parquet")))
    assert 0 < there < 15
    report = measured(out)
    assert 0 < report.rows <= 15 - there + 4
    assert table(out) == table(whole)
    assert not [path for path in out.rglob("*") if ".partial" in path.name]


def _suite(monkeypatch, *lots, **options):
    """A suite of such lots instead of micro."""
    made = Suite(
        name="made",
        version=1,
        about="",
        protocol={"k": 2, "seed": 0},
        lots=lambda size, data: [Lot(f"lot{i}", partial(iter, of)) for i, of in enumerate(lots)],
        sizes=("mini",),
        **options,
    )
    monkeypatch.setattr(run, "find_suite", lambda name: made)


def _contestants(monkeypatch, *these):
    monkeypatch.setattr(run, "contestants", lambda models, device: list(these))
    run._contestants.cache_clear()


def test_one_that_fails_leaves_the_others_alone(monkeypatch, tmp_path):
    class Broken(Shifted):
        """Has no weights for one case."""

        def forecast(self, case, k, seed):
            if case.id == "second":
                raise UserError("expected weights, got none")
            return super().forecast(case, k, seed)

    broken, good = Broken(0.0, name="broken"), Shifted(1.0, name="good")
    _suite(monkeypatch, [case(name="first"), case(name="second")], [case(name="third")])
    _contestants(monkeypatch, broken, good)
    report = measured(tmp_path / "run")
    assert report.failed == {"broken": "expected weights, got none (case second)"}
    assert report.rows == 4
    rows = [(row.model, row.case) for row in read(tmp_path / "run").rows]
    assert rows == [("broken", "third"), ("good", "first"), ("good", "second"), ("good", "third")]
    broken.forecast = good.forecast
    assert measured(tmp_path / "run").rows == 2
    assert len(read(tmp_path / "run").rows) == 6
    run._contestants.cache_clear()


def test_a_suite_may_measure_in_its_own_way(monkeypatch, tmp_path):
    def measure(contestant, one, protocol):
        from kinecast.bench.results import Result

        return Result(scalars={"success": 0.5, "k": protocol["k"]})

    _suite(monkeypatch, [case()], measure=measure)
    measured(tmp_path / "run", replace(SETTINGS, models="truth", k=7))
    (row,) = read(tmp_path / "run").rows
    assert row.result.scalars == {"success": 0.5, "k": 7}
    assert row.result.paths is None


def test_cases_of_one_id_are_refused(monkeypatch, tmp_path):
    _suite(monkeypatch, [case()], [case()])
    with pytest.raises(UserError, match="case ids that differ in made, got glide twice"):
        measured(tmp_path / "run", replace(SETTINGS, models="truth"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(SETTINGS, suite="mirco"), "did you mean micro"),
        (replace(SETTINGS, size="full"), "expected --size mini"),
        (replace(SETTINGS, models="trajloom-smal"), "did you mean trajloom-small"),
        (replace(SETTINGS, k=9), "expected --out of a run with protocol_hash"),
    ],
)
def test_a_mistake_is_refused_before_any_work(whole, settings, message):
    before = table(whole)
    with pytest.raises(UserError, match=message):
        measured(whole, settings)
    assert table(whole) == before


def test_other_weights_of_the_same_name_are_refused(whole, monkeypatch):
    _contestants(monkeypatch, Shifted(1.0, name="truth"))
    with pytest.raises(UserError, match=r"truth is not what .* was measured with"):
        measured(whole)
    run._contestants.cache_clear()


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="new folder or one of kinecast bench run"):
        measured(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_runs_at_once_are_refused(whole):
    def intrude(do, tasks):
        with pytest.raises(UserError, match="another kinecast bench run is at work"):
            measured(whole)
        return iter(())

    measured(whole, do=intrude)


def test_damaged_files_are_an_error(whole, tmp_path):
    with pytest.raises(UserError, match="expected a folder of kinecast bench run"):
        read(tmp_path)
    measured(tmp_path / "run", replace(SETTINGS, models="truth"))
    file = parts.rows_file(tmp_path / "run", "truth", "poked")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match=r"damaged file .* remove it and run again"):
        read(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text(json.dumps({})[:1])
    with pytest.raises(UserError, match=r"expected JSON in .*run.json"):
        read(tmp_path / "run")
