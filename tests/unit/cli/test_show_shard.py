"""`kinecast show` of shards."""

import json

import cv2
import numpy as np
import pytest
from shard_clips import coloured_clip, random_clip

from kinecast.cli.main import main
from kinecast.data.shards import write_shard
from kinecast.io.image import read_image
from kinecast.io.video import open_video


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "a.parquet"
    made = [
        random_clip(0, caption="one"),
        random_clip(1, frames=5, pictures=False),
        coloured_clip(),
    ]
    latents = {"z": np.zeros((2, 3), np.float16)}
    write_shard(path, made, about={"licence": "CC0"}, latents=lambda clip: latents)
    return path


def run(capsys, *words):
    status = main(["show", *map(str, words)])
    got = capsys.readouterr()
    return status, got.out or got.err


def test_a_shard_is_summed_up(shard, capsys):
    status, text = run(capsys, shard, "--json")
    got = json.loads(text)
    assert status == 0
    assert len(got.pop("sha256")) == 64
    assert got.pop("bytes") == shard.stat().st_size
    assert got == {
        "kind": "shard", "clips": 3, "frames": "27 (5 to 12 a clip)", "points": "7 to 15",
        "size": "80x48", "fps": "10, 12", "pictures": "first",
        "damage": "none: all of 3 clips verified", "about": {"licence": "CC0"},
    }  # fmt: skip
    assert "none: all of 3 clips verified" in run(capsys, shard)[1]


def test_damage_is_listed(shard, tmp_path, capsys):
    import pyarrow.parquet as pq

    data = bytearray(shard.read_bytes())
    group = pq.ParquetFile(shard).metadata.row_group(1)
    data[group.column(0).data_page_offset + 20] ^= 1
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(data)
    got = json.loads(run(capsys, bad, "--json")[1])
    assert got["damage"] == ["clip 1: its facts do not match their SHA-256"]
    assert got["frames"] == "27 (5 to 12 a clip)"
    bad.write_bytes(data[:-9])
    status, text = run(capsys, bad)
    assert (status, "it is torn" in text) == (2, True)


def test_a_clip_is_described(shard, capsys):
    got = json.loads(run(capsys, f"{shard}:0", "--json")[1])
    assert len(got.pop("content sha256")) == 64
    assert got.pop("visible").endswith("%")
    assert got.pop("moving").endswith("%")
    assert got == {
        "kind": "clip", "id": "clip-0", "caption": "one", "frames": 12, "points": "7 (scattered)",
        "size": "80x48", "fps": "12", "confidence": "yes", "pictures": "first",
        "latents": {"z": [2, 3]}, "source": {"tracker": "test", "seed": 0},
    }  # fmt: skip
    assert json.loads(run(capsys, f"{shard}:1", "--json")[1])["pictures"] == "none"


def test_a_clip_is_drawn_on_its_picture(shard, tmp_path, capsys):
    pictures = []
    for i in range(3):
        out = tmp_path / f"{i}.png"
        status, text = run(capsys, f"{shard}:{i}", "--out", out)
        assert (status, str(out) in text) == (0, True)
        pictures.append(read_image(out))
    assert pictures[1].mean() < 40  # no picture: dark, with the paths on it
    assert pictures[1].max() > 150
    first = random_clip(0).video[0:1][0]
    shown = cv2.resize(pictures[0], first.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.corrcoef(shown.ravel(), first.ravel())[0, 1] > 0.7
    out = tmp_path / "a.mp4"
    assert run(capsys, f"{shard}:0", "--out", out)[0] == 0
    assert len(open_video(out)) == 12


def test_leaks_are_listed_and_set_the_status(shard, tmp_path, capsys):
    other = tmp_path / "other.parquet"
    write_shard(other, [random_clip(8), coloured_clip()])
    status, text = run(capsys, shard, "--against", other, "--json")
    (leak,) = json.loads(text)["leaks"]
    assert status == 1
    assert leak["clip"] == f"{shard}:2 coloured"
    assert leak["other"] == f"{other}:1 coloured"
    assert leak["why"].startswith("content")
    clean = tmp_path / "clean.parquet"
    write_shard(clean, [random_clip(8)])
    assert run(capsys, shard, "--against", clean) == (0, "no clip in common\n")


@pytest.mark.parametrize(
    ("place", "words", "message"),
    [
        (":3", (), "N from 0 to 2"),
        (":x", (), "N from 0 to 2"),
        (":", (), "N from 0 to 2"),
        ("", ("--out", "a.png"), "a clip of a shard"),
        (":0", ("--out", "a.gif"), "ending in .png or .mp4"),
    ],
)
def test_mistakes(shard, capsys, place, words, message):
    status, text = run(capsys, f"{shard}{place}", *words)
    assert (status, message in text) == (2, True), text
