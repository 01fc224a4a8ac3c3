"""A prepared folder: what is in it, what is refused, and that kills leave no trace."""

import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import raw_videos
from raw_videos import SETTINGS, contents, here, run

from kinecast.core.errors import UserError
from kinecast.data.prepare.videos import find_videos
from kinecast.data.shards import open_shard


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return raw_videos.write_folder(tmp_path_factory.mktemp("raw") / "videos")


@pytest.fixture(scope="module")
def whole(videos, tmp_path_factory):
    """An undisturbed run."""
    out = tmp_path_factory.mktemp("whole") / "out"
    run(videos, out)
    return out


def manifest(out):
    return json.loads((out / "manifest.json").read_text())


def test_good_clips_are_in_the_shards_and_bad_ones_are_named(whole):
    facts = manifest(whole)
    rows = [json.loads(line) for line in (whole / "clips.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["outcome"] == "kept"]
    assert [(row["video"], row["start"]) for row in kept] == [
        ("a.mp4", 0), ("a.mp4", 8), ("b.mp4", 0), ("b.mp4", 8), ("cuts.mp4", 0), ("cuts.mp4", 14),
    ]  # fmt: skip
    rejected = {
        (row["video"], row["start"]): row["verdict"] for row in rows if row["outcome"] == "rejected"
    }
    assert rejected["cuts.mp4", 9] == {"reason": "cuts", "measured": 5, "limit": 8}
    assert rejected["still.mp4", 0]["reason"] == "static"
    assert facts["counts"]["clips_kept"] == 6 == sum(s["clips"] for s in facts["shards"])
    reasons = {entry["video"]: entry["reason"] for entry in facts["quarantined"]}
    assert set(reasons) == {"corrupt.mp4", "empty.mp4", "truncated.mp4"}
    assert "empty file (0 bytes)" in reasons["empty.mp4"]
    assert "truncated" in reasons["truncated.mp4"]
    for row in kept:
        clip = open_shard(whole / row["shard"])[row["position"]]
        assert clip.id == row["id"]
        assert clip.tracks.source["video"] == row["video"]
        assert clip.tracks.source["frames"] == [row["start"], row["start"] + 8]
        assert clip.video[0:1].shape == (1, 64, 112, 3)
    assert not (whole / ".work").exists()


def test_tracks_are_those_of_the_clip_s_own_frames(whole):
    """The texture moves one pixel to the left a frame."""
    clip = open_shard(whole / "shard-00000.parquet")[1]
    moved = np.diff(clip.tracks.xy, axis=0)[clip.tracks.visible[1:] & clip.tracks.visible[:-1]]
    assert np.median(moved, axis=0) == pytest.approx([-1, 0], abs=0.05)
    assert "pan right" in clip.caption


def test_place_and_order_do_not_count(videos, whole, tmp_path):
    moved = shutil.copytree(videos, tmp_path / "elsewhere")

    def backwards(do, tasks):
        return here(do, tasks[::-1])

    run(moved, tmp_path / "out", run=backwards)
    assert contents(tmp_path / "out") == contents(whole)


def test_a_second_run_changes_nothing_and_tracks_nothing(videos, whole):
    before = contents(whole)
    assert run(videos, whole).worked == 0
    assert contents(whole) == before


def test_a_shard_that_was_damaged_or_removed_is_made_again(videos, whole, tmp_path):
    out = shutil.copytree(whole, tmp_path / "out")
    first, second, *_ = sorted(out.glob("*.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-9])
    assert run(videos, out).worked == 4
    assert contents(out) == contents(whole)


def test_killed_at_any_commit_the_bytes_are_those_of_an_undisturbed_run(videos, whole, tmp_path):
    """Every folder sees several kills, each right before or after another renaming."""
    context = multiprocessing.get_context("forkserver")  # children of this process may hang
    context.set_forkserver_preload(["raw_videos"])
    ends = []
    for n in range(8):
        words = (1 + 2 * (n // 2) + n % 2, n % 4 > 1, videos, tmp_path / str(n % 2))
        child = context.Process(target=raw_videos.killed_run, args=words)
        child.start()
        child.join(120)
        ends.append(child.exitcode)
    assert set(ends) <= {0, -signal.SIGKILL}
    assert ends.count(-signal.SIGKILL) >= 6
    for n in range(2):
        run(videos, tmp_path / str(n))
        assert contents(tmp_path / str(n)) == contents(whole)


def test_other_settings_are_refused_at_any_time(videos, whole, tmp_path):
    other = replace(SETTINGS, stride=20.0)
    with pytest.raises(UserError, match=r"settings stride 20.0 instead of 16.0; choose another"):
        run(videos, whole, other)

    def stops(do, tasks):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(videos, tmp_path / "begun", run=stops)
    with pytest.raises(UserError, match=r"stride 20.0 instead of 16.0"):
        run(videos, tmp_path / "begun", other)


def test_changed_videos_are_noticed(videos, whole, tmp_path):
    changed = shutil.copytree(videos, tmp_path / "videos")
    raw_videos.write(changed / "a.mp4", raw_videos.moving(9, 17))
    (changed / "b.mp4").unlink()
    (changed / "cuts.txt").write_text("Three walls.")
    shutil.copy(videos / "a.mp4", changed / "new.mp4")
    before = contents(whole)
    with pytest.raises(UserError, match=r"b.mp4 is gone; new.mp4 is new; a.mp4 .* and 1 more"):
        run(changed, whole)
    assert contents(whole) == before


def test_a_video_that_changes_during_the_work_ends_the_run(videos, tmp_path):
    changed = shutil.copytree(videos, tmp_path / "videos")

    def late(do, tasks):
        os.utime(changed / "a.mp4", ns=(0, 0))
        return here(do, tasks)

    calls = iter((here, here, late))
    with pytest.raises(UserError, match=r"a.mp4 changed while it was being prepared"):
        run(changed, tmp_path / "out", run=lambda do, tasks: next(calls)(do, tasks))


def test_other_folders_are_refused(videos, tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(UserError, match="expected --out to be a new folder"):
        run(videos, tmp_path)


def test_one_run_at_a_time(videos, tmp_path):
    def again(do, tasks):
        with pytest.raises(UserError, match="another kinecast prepare is at work"):
            run(videos, tmp_path / "out")
        return here(do, tasks)

    run(videos, tmp_path / "out", run=again)


def test_captions_and_licences_stand_beside_the_videos(videos, tmp_path):
    folder = shutil.copytree(videos, tmp_path / "videos")
    (folder / "a.txt").write_text("A wall\nof colours.")
    (folder / "a.json").write_text('{"license": "CC0-1.0"}')
    (tmp_path / "table.csv").write_text("video_path,text\nb.mp4,Another wall\n")
    run(folder, tmp_path / "out", captions=tmp_path / "table.csv", licence="CC-BY-4.0")
    shard = open_shard(tmp_path / "out" / "shard-00000.parquet")
    assert shard[0].caption.startswith("A wall of colours, ")
    assert shard[0].tracks.source["licence"] == "CC0-1.0"
    other = open_shard(tmp_path / "out" / "shard-00001.parquet")[0]
    assert other.caption.startswith("Another wall, ")
    assert manifest(tmp_path / "out")["licences"] == {"CC-BY-4.0": 4, "CC0-1.0": 2}


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (["no.mp4"], "no such file or folder"),
        (["nothing"], "expected videos"),
        (["x/a.mp4", "y/a.mp4"], "expected videos of different names"),
    ],
)
def test_what_are_no_inputs(sources, message, tmp_path):
    for name in ("nothing", "x", "y"):
        (tmp_path / name).mkdir()
    for name in ("x", "y"):
        (tmp_path / name / "a.mp4").touch()
    with pytest.raises(UserError, match=message):
        find_videos([tmp_path / source for source in sources])


def test_a_name_that_is_no_text_is_spelled_out(videos, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(videos / "a.mp4", os.fsdecode(os.fsencode(folder) + b"/\xff.mp4"))
    report = run(folder, tmp_path / "out")
    assert report.manifest["counts"]["clips_kept"] == 2
    clip = open_shard(tmp_path / "out" / "shard-00000.parquet")[0]
    assert clip.tracks.source["video"] == r"\udcff.mp4"


def test_a_tracker_s_error_puts_the_clip_in_quarantine(videos, tmp_path, monkeypatch):
    class Broken:
        def track(self, video, grid):
            raise ValueError("no flow today")

    monkeypatch.setattr("kinecast.data.prepare.clip_work.get_tracker", lambda name: Broken())
    report = run(videos, tmp_path / "out")
    assert report.manifest["counts"]["clips_quarantined"] == 6
    reasons = {row["reason"] for row in report.manifest["quarantined"] if "clip" in row}
    assert reasons == {"ValueError: no flow today"}
    assert list(Path(tmp_path / "out").glob("*.parquet")) == []
