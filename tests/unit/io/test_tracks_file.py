"""The track file: what is written is read, always in the same bytes; what is wrong is named."""

import time
import zipfile

import numpy as np
import pytest
from track_values import random_tracks, same

from kinecast.core.errors import UserError
from kinecast.io.formats import read, write
from kinecast.io.tracks_file import load_tracks, save_tracks


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_what_is_written_is_read(tmp_path, suffix, bare):
    tracks = random_tracks(bare=bare)
    write(tracks, tmp_path / f"a{suffix}")
    assert same(read(tmp_path / f"a{suffix}"), tracks)


@pytest.mark.parametrize("suffix", [".npz", ".csv"])
def test_the_same_tracks_give_the_same_bytes(tmp_path, suffix, monkeypatch):
    write(random_tracks(), tmp_path / f"a{suffix}")
    monkeypatch.setattr(time, "time", lambda: 2e9)
    write(random_tracks(), tmp_path / f"b{suffix}")
    a, b = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
    assert a == b
    write(random_tracks(seed=1), tmp_path / f"c{suffix}")
    assert (tmp_path / f"c{suffix}").read_bytes() != a


def test_views_in_any_memory_order_are_written_by_value(tmp_path):
    tracks = random_tracks().window(1, 4)
    turned = type(tracks)(
        np.asfortranarray(tracks.xy), np.asfortranarray(tracks.visible), tracks.size
    )
    save_tracks(tmp_path / "a.npz", turned)
    np.testing.assert_array_equal(load_tracks(tmp_path / "a.npz").xy, tracks.xy)


def test_numpy_alone_reads_the_documented_keys(tmp_path):
    tracks = random_tracks()
    save_tracks(tmp_path / "a.npz", tracks)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        assert str(file["format"]) == "kinecast-tracks"
        assert int(file["version"]) == 1
        assert file["size"].tolist() == [80, 48]
        assert file["grid"].tolist() == [tracks.grid.h, tracks.grid.w]
        assert set(file.files) == {
            "format", "version", "xy", "visible", "query_frame", "confidence", "size", "fps",
            "grid", "grid_stride", "grid_origin", "source",
        }  # fmt: skip


def _changed(tmp_path, **changes):
    path = tmp_path / "bad.npz"
    save_tracks(path, random_tracks())
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    for name, value in changes.items():
        if value is None:
            del arrays[name]
        else:
            arrays[name] = value
    np.savez(path, **arrays)
    return path


HOLED = random_tracks().xy.copy()
HOLED[2, 4] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": None}, "expected the key 'xy' in .*bad.npz, got only"),
        ({"format": None}, "expected the key 'format'"),
        ({"format": np.array("tracks")}, "expected format 'kinecast-tracks' in .* got 'tracks'"),
        ({"version": np.array(2)}, "version 1, got version 2 in .* update kinecast"),
        ({"version": np.array("1")}, "expected version i"),
        ({"xy": random_tracks().xy.astype(np.float64)}, "expected xy float32 .* got float64"),
        ({"xy": np.zeros((5, 15), np.float32)}, r"expected xy float32 \(any, any, 2\)"),
        ({"xy": np.zeros((5, 15, 3), np.float32)}, r"got float32 \(5, 15, 3\)"),
        ({"visible": np.zeros((5, 14), bool)}, r"expected visible bool \(5, 15\)"),
        ({"visible": np.zeros((5, 15), np.uint8)}, "expected visible bool .* got uint8"),
        ({"query_frame": np.full(15, 9)}, r"bad.npz: expected query_frame in \[-1, 5\)"),
        ({"xy": HOLED}, "bad.npz: expected finite xy where visible, got .* frame 2, point 4"),
        ({"size": np.array([80, 0])}, r"bad.npz: expected size = \(W, H\)"),
        ({"size": np.array([80.0, 48.0])}, "expected size int64"),
        ({"grid": np.array([2, 5])}, "bad.npz: expected 10 points for a 2x5 grid, got 15"),
        ({"fps": np.array(-1.0)}, "bad.npz: expected fps > 0"),
        ({"grid_stride": None}, "expected the key 'grid_stride'"),
        ({"source": np.array("{")}, "expected JSON in source"),
        ({"source": np.array("[1]")}, "expected a JSON object in source"),
        ({"confidence": np.zeros((5, 15))}, "expected confidence float32"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as caught:
        load_tracks(_changed(tmp_path, **changes))
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_not_advised_to_be_unpickled(tmp_path):
    (tmp_path / "a.npz").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(UserError, match="not a zip archive") as caught:
        load_tracks(tmp_path / "a.npz")
    assert "pickle" not in str(caught.value)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, format=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UserError, match=r"plain arrays .* got .*evil\.npz"):
        load_tracks(path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x93NUMPY" + b"\x00" * 30, b"PK\x03\x04xx"])
def test_files_that_are_no_npz(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match="not one, truncated or damaged"):
        load_tracks(path)


def test_a_single_array_is_not_a_track_file(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"expected an \.npz file"):
        load_tracks(tmp_path / "a.npz")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path, share):
    path = tmp_path / "cut.npz"
    save_tracks(path, random_tracks())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UserError, match="truncated or damaged"):
        load_tracks(path)


def test_flipped_bytes_are_found(tmp_path):
    path = tmp_path / "hurt.npz"
    save_tracks(path, random_tracks())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("xy.npy").header_offset + 200
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UserError, match="truncated or damaged"):
        load_tracks(path)


def test_no_such_file(tmp_path):
    for name in ("gone.npz", "gone.csv"):
        with pytest.raises(UserError, match=f"no such file: .*{name}"):
            read(tmp_path / name)


def test_an_unknown_extension_lists_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"ending in \.npz or \.csv, got .*a\.json"):
        write(random_tracks(), tmp_path / "a.json")
    with pytest.raises(UserError, match=r"ending in \.npz or \.csv, got .*a\.json"):
        read(tmp_path / "a.json")
    with pytest.raises(UserError, match=r"ending in \.npz, got .*a\.csv"):
        save_tracks(tmp_path / "a.csv", random_tracks())


def test_provenance_that_json_cannot_hold_is_said_before_writing(tmp_path):
    tracks = random_tracks(bare=True)
    odd = type(tracks)(tracks.xy, tracks.visible, tracks.size, source={"a": object()})
    for name in ("a.npz", "a.csv"):
        with pytest.raises(UserError, match="expected provenance that JSON can hold"):
            write(odd, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
