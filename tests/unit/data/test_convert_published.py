"""`kinecast convert` between the published shards, as a user calls it."""

import json

import numpy as np
import pytest
from shard_files import encoded, npy, pictures, spread, write_tar

from kinecast.cli.main import main
from kinecast.data.importers import importer

T, N = 66, 4


def flow_poke(path, T=T):
    parts = {
        "tracks.npy": npy(spread(T, N, 0.1, 0.9)),
        "visibility.npy": npy(np.ones((T, N), bool)),
        "video.mpg": encoded(pictures(T, 64, 64), ".mpg", 60),
    }
    return write_tar(path, {f"clip.{name}": content for name, content in parts.items()})


def test_flow_poke_to_zipmo_and_back(tmp_path, capsys):
    flow_poke(tmp_path / "fpt.tar")
    steps = [("fpt.tar", "flow-poke", "zipmo"), ("to-zipmo", "zipmo", "flow-poke")]
    for source, layout, to in steps:
        words = [str(tmp_path / source), "--from", layout, "--to", to]
        out = tmp_path / f"to-{to}"
        assert main(["convert", *words, "--out", str(out), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["clips"], report["frames"], report["points"]) == (1, T, N)
        assert report["paths"] == [str(out / "shard_000000.tar")]
    (zipmo,) = importer("zipmo").items(tmp_path / "to-zipmo")
    (back,) = importer("flow-poke").items(tmp_path / "to-flow-poke")
    want = spread(T, N, 0.1, 0.9).astype(float)
    np.testing.assert_allclose(zipmo.tracks.xy / 64, want, atol=1e-5)
    np.testing.assert_allclose(back.tracks.xy / 512, want, atol=1e-5)


def test_a_short_clip_is_refused_and_nothing_is_left(tmp_path, capsys):
    flow_poke(tmp_path / "fpt.tar", 24)
    words = [str(tmp_path / "fpt.tar"), "--from", "flow-poke", "--to", "zipmo"]
    assert main(["convert", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "at least 64 frames" in error
    assert "got 24 in fpt/clip" in error
    assert [path.name for path in tmp_path.iterdir()] == ["fpt.tar"]


@pytest.mark.parametrize("name", ["../clip.tracks.npy", "/x/clip.tracks.npy", "a/../../c.d"])
def test_hostile_names_reach_the_user_as_one_line(tmp_path, capsys, name):
    write_tar(tmp_path / "fpt.tar", {name: b"x"})
    words = [str(tmp_path / "fpt.tar"), "--from", "flow-poke", "--out", str(tmp_path / "out")]
    assert main(["convert", *words]) == 2
    error = capsys.readouterr().err
    assert "leaves the folder" in error
    assert error.count("\n") == 1
