import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from kinecast.cli.main import main
from kinecast.core.tracks import Tracks
from kinecast.data.shards import open_shard
from kinecast.io.csv_file import load_csv
from kinecast.io.tracks_file import load_tracks, save_tracks
from kinecast.io.video import open_video, write_video

T, H, W, N = 5, 48, 80, 6
XY = np.random.default_rng(0).uniform(0.5, [W - 0.5, H - 0.5], (N, T, 2))
TEXTURE = np.random.default_rng(1).integers(0, 255, (H, W, 3), np.uint8)


def davis(path, names=("bear", "camel")):
    frames = np.stack([np.roll(TEXTURE, t, 1) for t in range(T)])
    item = {
        "video": frames,
        "points": (XY / (W, H)).astype(">f4"),
        "occluded": np.zeros((N, T), bool),
    }
    path.write_bytes(pickle.dumps(dict.fromkeys(names, item)))
    return path


def convert(capsys, *words):
    status = main(["convert", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_data_set_becomes_shards(tmp_path, capsys):
    source = davis(tmp_path / "davis.pkl")
    before = source.read_bytes()
    out = tmp_path / "out"
    status, text, _ = convert(capsys, source, "--from", "tapvid", "--out", out, "--json")
    assert status == 0
    result = json.loads(text)
    assert result["paths"] == [str(out / "00000.parquet")]
    assert (result["clips"], result["frames"], result["points"]) == (2, 2 * T, 2 * N)
    shard = open_shard(out / "00000.parquet")
    assert [clip.id for clip in shard] == ["bear", "camel"]
    np.testing.assert_allclose(shard[1].tracks.xy, XY.transpose(1, 0, 2), atol=1 / 32)
    assert shard[1].tracks.source["importer"] == "tapvid"
    assert source.read_bytes() == before


def test_a_data_set_becomes_files(tmp_path, capsys):
    source, out = davis(tmp_path / "davis.pkl"), tmp_path / "out"
    status, text, _ = convert(capsys, source, "--from", "tapvid", "--to", "files", "--out", out)
    assert status == 0
    names = ["bear.mp4", "bear.npz", "camel.mp4", "camel.npz"]
    assert text.split() == [str(out / name) for name in names]
    tracks = load_tracks(out / "bear.npz")
    np.testing.assert_allclose(tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)
    video = open_video(out / "bear.mp4")
    assert (len(video), video.size) == (T, (W, H))


def test_a_data_set_without_tracks_is_tracked(tmp_path, capsys):
    folder = tmp_path / "videos" / "deep"
    folder.mkdir(parents=True)
    write_video(folder / "a.mp4", (np.roll(TEXTURE, 2 * t, 1) for t in range(T)), 12.0, (W, H))
    (folder / "a.txt").write_text("a texture moves")
    words = [tmp_path / "videos", "--from", "videos", "--to", "files", "--out", tmp_path / "out"]
    status, _, _ = convert(capsys, *words, "--tracker", "chain", "--stride", "16")
    assert status == 0
    tracks = load_tracks(tmp_path / "out" / "deep" / "a.npz")
    assert (tracks.count, tracks.grid.stride, tracks.source["tracker"]) == (15, 16.0, "chain")
    moved = np.median(tracks.xy[-1, :, 0] - tracks.xy[0, :, 0])
    assert abs(moved - 2 * (T - 1)) < 0.5
    row = json.loads((tmp_path / "out" / "captions.jsonl").read_text("utf-8"))
    assert row == {"file": "deep/a.mp4", "caption": "a texture moves"}


def test_files_can_be_read_again_as_videos(tmp_path, capsys):
    source = davis(tmp_path / "davis.pkl")
    convert(capsys, source, "--from", "tapvid", "--to", "files", "--out", tmp_path / "a")
    words = [tmp_path / "a", "--from", "videos", "--out", tmp_path / "b", "--json"]
    status, text, _ = convert(capsys, *words, "--tracker", "chain")
    assert (status, json.loads(text)["clips"]) == (0, 2)


def test_a_track_file_of_one_format_becomes_another(tmp_path, capsys):
    xy = XY.transpose(1, 0, 2).astype(np.float32)
    tracks = Tracks(xy, np.ones((T, N), bool), (W, H), fps=24.0)
    save_tracks(tmp_path / "a.npz", tracks)
    status, text, _ = convert(capsys, tmp_path / "a.npz", "--out", tmp_path / "a.csv")
    assert (status, text.strip()) == (0, str(tmp_path / "a.csv"))
    np.testing.assert_array_equal(load_csv(tmp_path / "a.csv").xy, tracks.xy)
    assert convert(capsys, tmp_path / "a.csv", "--out", tmp_path / "b.npz")[0] == 0
    assert (tmp_path / "b.npz").read_bytes() == (tmp_path / "a.npz").read_bytes()


def test_the_list_names_licences_and_conventions(capsys):
    status, text, _ = convert(capsys, "--list", "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(text)["from"]}
    assert {"tapvid", "tapvid-kinetics", "movi", "trajloom", "davis", "videos"} <= rows.keys()
    assert "CC BY 4.0" in rows["tapvid"]["about"]
    assert "points=raster|index" in rows["tapvid"]["options"][0]
    status, text, _ = convert(capsys, "--list")
    assert status == 0
    assert "tapvid" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected SOURCE and --out"),
        (["nowhere.pkl", "--from", "tapvid", "--out", "o"], "no such file or folder"),
        (["x.pkl", "--from", "tapvit", "--out", "o"], "did you mean tapvid?"),
        (["x.pkl", "--from", "tapvid", "--out", "o", "--to", "file"], "did you mean files?"),
        (["x.pkl", "--from", "tapvid", "--out", "o", "--assume", "points"], "KEY=VALUE"),
        (["x.pkl", "--from", "tapvid", "--out", "o", "--assume", "point=x"], "did you mean points"),
        (["x.pkl", "--out", "o.npz"], "expected a track file ending in"),
        (["x.npz", "--out", "o.csv", "--stride", "3"], "expected --from NAME"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    davis(tmp_path / "x.pkl")
    status, _, err = convert(capsys, *words)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_hostile_pickle_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    davis(tmp_path / "x.pkl")
    value = {**pickle.loads((tmp_path / "x.pkl").read_bytes()), "z": [Harm()]}
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(value))
    status, _, err = convert(capsys, "x.pkl", "--from", "tapvid", "--out", "out")
    assert status == 2
    assert "posix.system" in err
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("../../up.pkl", b"N.", "leaves the folder"),
        ("/etc/up.pkl", b"N.", "leaves the folder"),
        ("bomb.pkl", bytes(80 << 20), "zip bomb"),
    ],
)
def test_a_hostile_archive_is_refused(name, content, message, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    words = [tmp_path / "x.zip", "--from", "tapvid", "--out", tmp_path / "out"]
    status, _, err = convert(capsys, *words)
    assert status == 2
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_a_failure_half_way_leaves_nothing_behind(tmp_path, capsys):
    source = davis(tmp_path / "x.pkl", names=("fine", "../up"))
    words = [source, "--from", "tapvid", "--to", "files", "--out", tmp_path / "out"]
    status, _, err = convert(capsys, *words)
    assert status == 2
    assert "plain relative name" in err
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited as Linux does")
def test_a_pickle_larger_than_memory_is_streamed(tmp_path):
    """96 MB of frames with 32 MB to spare for data: the file is mapped, not read."""
    frames = np.zeros((20, 480, 832, 3), np.uint8)
    points = np.full((3, 20, 2), 0.5, np.float32)
    item = {"video": frames, "points": points, "occluded": np.zeros((3, 20), bool)}
    with (tmp_path / "x.pkl").open("wb") as file:
        pickle.dump([dict(item, video=frames + np.uint8(i)) for i in range(4)], file, 4)
    code = (
        "import resource\n"
        "from kinecast.data.importers import importer\n"
        "read = importer('tapvid')\n"
        "import kinecast.io.pickles\n"
        "used = int(open('/proc/self/statm').read().split()[5]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (used + (32 << 20),) * 2)\n"
        "total = 0\n"
        f"for clip in read.items({str(tmp_path / 'x.pkl')!r}):\n"
        "    total += int(clip.video[19:20][0, 0, 0, 0])\n"
        "print(total)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_DATA)[1] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "6", done.stderr[-500:]
