import errno
import json
import math
from pathlib import Path

import pytest

from kinecast.core.errors import UserError
from kinecast.train import log


def test_a_resumed_log_drops_what_came_after_its_checkpoint(tmp_path):
    path = tmp_path / "log.jsonl"
    first = log.RunLog(path, 0)
    for step in range(1, 6):
        first.write({"step": step, "loss": 1.0 / step})
    first.close()
    second = log.RunLog(path, 3)
    second.write({"step": 4, "loss": 9.0})
    second.close()
    assert [(r["step"], r["loss"]) for r in log.read(path)][2:] == [(3, 1.0 / 3), (4, 9.0)]


def test_a_full_disk_leaves_the_log_of_a_run_that_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n')
    write_text = Path.write_text

    def full(self, text):
        write_text(self, text[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match="the disk is full"):
        log.RunLog(path, 1)
    assert log.read(path) == [{"step": 1, "loss": 2.0}]


def test_a_validation_that_comes_again_is_dropped(tmp_path):
    path = tmp_path / "log.jsonl"
    rows = [{"step": 4, "validation": {}}, {"step": 5, "loss": 1.0}, {"step": 5, "validation": {}}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    log.RunLog(path, 5).close()
    assert log.read(path) == rows
    log.RunLog(path, 5, validated=False).close()
    assert log.read(path) == rows[:2]


def test_not_a_number_is_null(tmp_path):
    path = tmp_path / "log.jsonl"
    written = log.RunLog(path, 0)
    written.write({"step": 1, "validation": {"moving": math.nan, "model": 2.0}})
    written.close()
    assert json.loads(path.read_text()) == {
        "step": 1,
        "validation": {"moving": None, "model": 2.0},
    }


def test_a_line_now_and_then_tells_how_long_it_takes(capsys, monkeypatch):
    monkeypatch.setattr(log, "PLAIN_LINE_EVERY", 0.0)
    display = log.Display("flow", steps=10, start=4)
    display.update(5, "loss 0.5  32 clips/s")
    display.line(log.scores_line(5, {"model": 1.23456, "constant position": 22.6}))
    display.close()
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("flow 5/10  loss 0.5  32 clips/s  ETA 00:00:0")
    assert second == "step 5  model 1.235  |  constant position 22.6"


def test_quiet_is_quiet(capsys, monkeypatch):
    monkeypatch.setattr(log, "PLAIN_LINE_EVERY", 0.0)
    display = log.Display("flow", steps=10, start=4, quiet=True)
    display.update(5, "loss")
    display.line("validation")
    display.close()
    assert capsys.readouterr().err == ""
