"""`kinecast prepare` as a user runs it, and kills it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import raw_videos
from raw_videos import contents

from kinecast.cli.main import main

OPTIONS = [
    "--frames", "8", "--size", "112x64", "--stride", "16", "--tracker", "lk", "--shard-clips", "2",
    "--max-enlarge", "2",
]  # fmt: skip


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return raw_videos.write_folder(tmp_path_factory.mktemp("raw") / "videos")


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    """What an undisturbed run makes, in one process."""
    out = tmp_path_factory.mktemp("whole") / "out"
    raw_videos.run(videos, out)
    return contents(out)


def start(videos, out, *options):
    """The command in a process group of its own."""
    program = "from kinecast.cli.main import main; raise SystemExit(main())"
    words = ["prepare", str(videos), "--out", str(out), *OPTIONS, *options]
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_lines_for_machines(videos, whole, tmp_path, capsys):
    words = ["prepare", str(videos), "--out", str(tmp_path / "out"), *OPTIONS, "--workers", "2"]
    assert main([*words, "--json"]) == 0
    *events, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert contents(tmp_path / "out") == whole
    assert [(e["event"], e["done"], e["total"]) for e in events if e["done"] == e["total"]] == [
        ("scanning", 7, 7), ("tracking", 6, 6),
    ]  # fmt: skip
    assert last["event"] == "done"
    assert last["counts"]["clips_kept"] == last["worked"] == 6
    assert sorted(last["paths"]) == sorted(str(tmp_path / "out" / name) for name in whole)
    stages = last["core_seconds"]
    assert set(stages) == {"hash", "decode", "filter", "track", "caption", "write"}
    assert all(value > 0 for value in stages.values())
    assert {entry["video"] for entry in last["quarantined"]} == {
        "corrupt.mp4", "empty.mp4", "truncated.mp4",
    }  # fmt: skip


def test_the_whole_group_killed_while_scanning_and_while_tracking(videos, whole, tmp_path):
    out = tmp_path / "out"
    for sign in ("scans/*.json", "parts/*/*.json"):
        process = start(videos, out, "--workers", "1")
        while not list((out / ".work").glob(sign)):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.002)
        kill(process)
    assert not (out / "manifest.json").exists()
    assert start(videos, out, "--workers", "1").wait() == 0
    assert contents(out) == whole


def test_nothing_kept_is_an_exit_status(tmp_path, capsys):
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "empty.mp4").touch()
    assert main(["prepare", str(tmp_path / "videos"), "--out", str(tmp_path / "out")]) == 1
    streams = capsys.readouterr()
    assert "quarantined: empty.mp4: expected a video" in streams.err
    assert str(tmp_path / "out" / "manifest.json") in streams.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size", "832"], "expected --size WxH"),
        (["--local", "--ray", "auto"], "expected --local or --ray ADDRESS"),
        (["--workers", "0"], "expected --workers of 1 or more"),
        (["--frames", "1"], "expected clips of 2 or more frames"),
        (["--captions", "no.csv"], "no.csv"),
        (["--tracker", "flwo"], "expected a tracker of"),
        (["--max-aspect", "0.5"], "expected max_aspect >= 1"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(words, message, videos, tmp_path, capsys):
    assert main(["prepare", str(videos), "--out", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ten_kills_at_random_moments(tmp_path):
    """Of the whole group; each a moment after the run got a little further than the one before."""
    videos, out = raw_videos.write_folder(tmp_path / "videos", good=20), tmp_path / "out"
    raw_videos.run(videos, tmp_path / "whole")
    rng = np.random.default_rng(0)
    for _ in range(10):
        before = progress(out)
        process = start(videos, out, "--workers", "2")
        while progress(out) <= before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.2))
        assert process.poll() is None, "too few videos for ten kills"
        kill(process)
    assert start(videos, out, "--workers", "2").wait() == 0
    assert contents(out) == contents(tmp_path / "whole")


def progress(out):
    """Scans and units that are done."""
    records = [json.loads(path.read_text()) for path in (out / ".work").glob("shards/*.json")]
    joined = sum(len(record["units"]) for record in records)
    return joined + sum(
        1 for sign in ("scans/*.json", "parts/*/*.json") for _ in (out / ".work").glob(sign)
    )
