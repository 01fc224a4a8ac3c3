"""`kinecast eval --check` on small recorded cases."""

import json

import numpy as np
import pytest

from kinecast.cli.main import main
from kinecast.metrics.frechet import frechet


@pytest.fixture
def record(tmp_path):
    """Write a case of two Frechet distances, off by so much."""

    def write(name="case", off=0.0, kind="metrics", drop=None, **about):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        a, b = np.random.default_rng(0).normal(0, 3, (2, 9, 4))
        arrays = {"feat_a": a, "feat_b": b + 1}
        np.savez(folder / "inputs.npz", **{k: v for k, v in arrays.items() if k != drop})
        numbers = {"fd": frechet(a, b + 1).distance + off, "fd_self": frechet(a, a).distance}
        (folder / "outputs.json").write_text(json.dumps(numbers))
        files = {"inputs": "inputs.npz", "outputs": "outputs.json"}
        case = {"system": "metrics", "kind": kind, "tolerance": "see README", **files, **about}
        (folder / "case.json").write_text(json.dumps(case))
        return folder

    return write


def check(*words):
    return main(["eval", "--check", *map(str, words)])


def test_every_number_is_printed_with_its_deviation(record, capsys):
    assert check(record()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("case (metrics, metrics)")
    assert [line.split()[0] for line in lines[1:]] == ["fd", "fd_self"]
    assert all(line.endswith("ok") for line in lines[1:])


def test_exit_status_1_beyond_tolerance(record, capsys):
    good, off = record("all/good"), record("all/off", off=0.5)
    record("all/network", kind="velocity")
    assert check(good, off) == 1
    assert "BEYOND TOLERANCE" in capsys.readouterr().out
    assert check(good.parent) == 1
    assert "1 cases of networks" in capsys.readouterr().err
    assert check(record("own", off=0.5, tolerance={"abs": 1.0})) == 0  # a case's own tolerance
    capsys.readouterr()
    assert check(off, "--json") == 1
    (report,) = json.loads(capsys.readouterr().out)["cases"]
    assert [number["within"] for number in report["outputs"]] == [False, True]


def test_shapes_that_differ_are_json_too(record, capsys):
    folder = record()
    (folder / "outputs.json").write_text('{"fd": [1.0, NaN]}')
    assert check(folder, "--json") == 1
    (report,) = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["cases"]
    assert report["outputs"][0]["value"] is None
    assert report["outputs"][0]["remark"] == "shape (), not (2,)"


def test_files_that_are_damaged_are_status_2(record, capsys):
    for name in ("inputs.npz", "outputs.json", "case.json"):
        folder = record(name)
        (folder / name).write_bytes((folder / name).read_bytes()[:40])
        assert check(folder) == 2
        assert "kinecast: expected" in capsys.readouterr().err


def test_exit_status_2_for_what_cannot_be_checked(record, tmp_path, capsys):
    for folder, message in (
        (record("network", kind="velocity"), "checked by: kinecast import-weights --check"),
        (record("unknown", drop="feat_a"), "expected arrays of a recorded metric, got feat_b"),
        (tmp_path / "absent", "expected a JSON file"),
    ):
        assert check(folder) == 2
        assert message in capsys.readouterr().err
    extra = record("extra")
    (extra / "outputs.json").write_text('{"fd": 1.0, "other": {"number": 2}}')
    assert check(extra) == 2
    assert "got none of other.number" in capsys.readouterr().err
    assert main(["eval"]) == 2
    assert "--check CASE, got less" in capsys.readouterr().err
