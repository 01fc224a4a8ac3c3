import json

import pytest

from kinecast.bench import shards
from kinecast.cli.main import main


def test_what_is_consumed_follows_from_the_published_generator():
    assert pytest.approx(370, rel=0.01) == shards.CONSUMED


def test_every_way_of_reading_is_measured(capsys, monkeypatch):
    monkeypatch.setattr(shards, "_SECONDS", 0.01)
    monkeypatch.setattr(shards, "_FRAMES", 100)
    assert main(["bench", "shards", "--clips", "2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    *reads, written = report["rows"]
    assert len(reads) == 4
    for row in reads:
        assert row["clips"] > 0
        assert row["cores"] == pytest.approx(20 * report["consumed"] / row["clips"])
        assert row["megabytes"] > 0
    assert written["clips"] > 0
    rows = [shards.Row(**row) for row in report["rows"]]
    assert shards.table(rows).count("\n") == 6
