"""`kinecast models` and `kinecast doctor` on this installation."""

import json

from kinecast.cli.main import main
from kinecast.forecast.models import find


def test_models_names_the_bundled_one_with_licence_size_and_window(capsys):
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    row = rows["trajloom-small"]
    assert row["problem"] is None
    assert (row["system"], row["frames"], row["bundled"]) == ("trajloom", 81, True)
    assert 0 < row["bytes"] <= 15_000_000
    assert row["licence"].lower() == "apache-2.0"
    assert main(["models"]) == 0
    assert "trajloom-small" in capsys.readouterr().out


def test_a_broken_model_says_why_and_hides_no_other(capsys, tmp_path, monkeypatch):
    broken = tmp_path / "models" / "broken"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert "model.safetensors" in rows["broken"]["problem"]
    assert rows["trajloom-small"]["problem"] is None


def test_doctor_finds_everything_fine_here(capsys):
    status = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    checks = {check["name"]: check for check in report["checks"]}
    assert status == 0, [check for check in report["checks"] if not check["fine"]]
    assert report["fine"]
    expected = {"python", "torch", "av", "device", "cores", "memory", "video decoders"}
    assert expected | {"model trajloom-small"} <= set(checks)
    assert "as recorded" in checks["model trajloom-small"]["found"]
    assert main(["doctor"]) == 0


def test_doctor_sees_weights_that_changed(capsys, tmp_path, monkeypatch):
    source = find("trajloom-small")
    copy = tmp_path / "models" / "mine"
    copy.mkdir(parents=True)
    (copy / "config.json").write_bytes((source.path / "config.json").read_bytes())
    (copy / "model.safetensors").write_bytes(b"changed")
    (tmp_path / "models" / "SHA256SUMS").write_text(f"{source.sha256()}  mine/model.safetensors\n")
    monkeypatch.setenv("KINECAST_HOME", str(tmp_path))
    assert main(["doctor", "--json"]) == 1
    (check,) = [c for c in json.loads(capsys.readouterr().out)["checks"] if not c["fine"]]
    assert check["name"] == "model mine"
    assert "reinstall" in check["fix"]
