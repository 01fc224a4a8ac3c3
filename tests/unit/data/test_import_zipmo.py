"""ZipMo's and the Flow Poke Transformer's shards: read, written, converted into each other."""

import itertools

import numpy as np
import pytest
from shard_files import encoded, npy, pictures, spread, write_tar

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video
from kinecast.data.exporters import exporter
from kinecast.data.importers import importer

T, N, W, H = 66, 5, 96, 64


def zipmo_parts(**changed: bytes) -> dict[str, bytes]:
    parts = {
        "tracks_yx.npy": npy(spread(T, N, -0.9, 0.9)),
        "visibility.npy": npy(np.ones((T, N, 1), bool)),
        "video.mp4": encoded(pictures(T, W, H)),
    }
    return parts | {name.replace("__", "."): content for name, content in changed.items()}


def shard(path, parts, key="clip"):
    return write_tar(path, {f"{key}.{name}": content for name, content in parts.items()})


def read(name, path, **options):
    return list(importer(name).items(path, options))


def test_zipmo_is_yx_in_minus_one_to_one_of_the_videos_own_size(tmp_path):
    shard(tmp_path / "a.tar", zipmo_parts())
    (clip,) = read("zipmo", tmp_path)
    yx = spread(T, N, -0.9, 0.9).astype(float)
    np.testing.assert_allclose(clip.tracks.xy[..., 0], (yx[..., 1] + 1) / 2 * W, atol=1e-3)
    np.testing.assert_allclose(clip.tracks.xy[..., 1], (yx[..., 0] + 1) / 2 * H, atol=1e-3)
    assert (clip.tracks.size, len(clip.video), clip.tracks.fps) == ((W, H), T, 30)
    assert clip.id == "a/clip"
    assert clip.tracks.confidence is None


def test_zipmo_seen_is_visible_and_certain(tmp_path):
    visible = np.ones((T, N), np.uint8)
    visible[3, 1] = 0
    certainty = np.full((T, N, 1), 0.9, np.float32)
    certainty[5, 2] = 0.5
    shard(
        tmp_path / "a.tar",
        zipmo_parts(visibility__npy=npy(visible), certainty__npy=npy(certainty)),
    )
    (clip,) = read("zipmo", tmp_path / "a.tar")
    hidden = np.argwhere(~clip.tracks.visible).tolist()
    assert hidden == [[3, 1], [5, 2]]
    np.testing.assert_array_equal(clip.tracks.confidence, certainty[..., 0])


def test_big_endian_and_fortran_order_are_read(tmp_path):
    tracks = np.asfortranarray(spread(T, N, -0.9, 0.9).astype(">f8"))
    shard(tmp_path / "a.tar", zipmo_parts(tracks_yx__npy=npy(tracks)))
    shard(tmp_path / "b.tar", zipmo_parts())
    big, little = read("zipmo", tmp_path)
    np.testing.assert_allclose(big.tracks.xy, little.tracks.xy, atol=1e-3)


@pytest.mark.parametrize(
    ("part", "content", "message"),
    [
        ("tracks_yx__npy", npy(spread(T, N, 0, 1).swapaxes(0, 1)), "axes in another order"),
        ("tracks_yx__npy", npy(np.zeros((T, N, 3), np.float32)), r"\(T, N, 2\)"),
        ("tracks_yx__npy", npy(spread(T, N, 0, 1))[:-8], "truncated"),
        ("tracks_yx__npy", npy(np.array([{"a": 1}])), "plain numbers"),
        ("visibility__npy", npy(np.full((T, N), 0.5)), "0 or 1"),
        ("visibility__npy", npy(np.ones((N, T), bool)), "0 or 1"),
        ("certainty__npy", npy(np.ones((T, 1), np.float32)), "certainty"),
        ("video__mp4", encoded(pictures(40, W, H)), "expected 40 frames"),
        ("video__mp4", b"no video", "expected a video"),
    ],
)
def test_what_is_not_the_published_layout_is_refused_by_name(tmp_path, part, content, message):
    shard(tmp_path / "a.tar", zipmo_parts(**{part: content}))
    with pytest.raises(UserError, match=message) as error:
        read("zipmo", tmp_path)
    assert "clip." in str(error.value)
    assert "a.tar" in str(error.value)


def test_a_missing_part_and_a_hostile_name_are_refused(tmp_path):
    shard(tmp_path / "a.tar", {k: v for k, v in zipmo_parts().items() if k != "visibility.npy"})
    with pytest.raises(UserError, match=r"expected clip.visibility.npy .* got only tracks_yx"):
        read("zipmo", tmp_path)
    write_tar(tmp_path / "b" / "b.tar", {"../../x.tracks_yx.npy": b""})
    with pytest.raises(UserError, match="leaves the folder"):
        read("zipmo", tmp_path / "b")
    assert not list(tmp_path.parent.glob("x.*"))


def test_an_endless_header_takes_no_memory(tmp_path):
    content = npy(np.zeros((2, 2, 2), np.float32)).replace(b"(2, 2, 2)", b"(9" + b"0" * 6 + b",)")
    shard(tmp_path / "a.tar", zipmo_parts(tracks_yx__npy=content))
    with pytest.raises(UserError, match="bytes for an array of shape"):
        read("zipmo", tmp_path)


def a_clip(T=T, video=True, W=W, H=H, id="walk.1/a") -> Clip:
    xy = spread(T, N, 0, 1) * (W, H)
    visible = np.ones((T, N), bool)
    visible[4, 0] = False
    tracks = Tracks(xy.astype(np.float32), visible, (W, H), fps=24.0)
    return Clip(tracks, Video(ArraySource(pictures(T, W, H), 24.0)) if video else None, "", id)


def write(name, clips, folder):
    folder.mkdir(parents=True)
    exporter(name).write(iter(clips), folder, "test")
    return folder


@pytest.mark.parametrize("size", [(96, 64), (95, 63)])
def test_zipmo_written_and_read_again_is_the_same(tmp_path, size):
    clip = a_clip(W=size[0], H=size[1])
    (back,) = read("zipmo", write("zipmo", [clip], tmp_path / "out"))
    np.testing.assert_allclose(back.tracks.xy, clip.tracks.xy, atol=1e-3)
    np.testing.assert_array_equal(back.tracks.visible, clip.tracks.visible)
    assert back.tracks.fps == 24
    assert back.id == "shard_000000/000000_walk_1_a"
    assert back.tracks.size == (96, 64)  # H.264 has even sizes
    want, got = clip.video[10:11][0].astype(int), back.video[10:11][0].astype(int)
    assert np.abs(want - got[: size[1], : size[0]]).mean() < 6


def test_zipmo_takes_no_clip_shorter_than_its_window(tmp_path):
    with pytest.raises(UserError, match=r"at least 64 frames .* got 63 in walk"):
        write("zipmo", [a_clip(T=63)], tmp_path / "short")
    with pytest.raises(UserError, match="with their video"):
        write("zipmo", [a_clip(video=False)], tmp_path / "blind")


def test_flow_poke_is_xy_in_zero_to_one_and_its_rate_is_nominal(tmp_path):
    tracks = spread(T, N, 0.1, 0.9)
    parts = {
        "tracks.npy": npy(tracks),
        "visibility.npy": npy(np.ones((T, N), bool)),
        "video.mpg": encoded(pictures(T, W, H), ".mpg", 60),
    }
    shard(tmp_path / "a.tar", parts)
    (clip,) = read("flow-poke", tmp_path)
    np.testing.assert_allclose(clip.tracks.xy, tracks * np.array([W, H]), atol=1e-3)
    assert clip.tracks.fps is None
    assert clip.video.fps is None
    assert len(clip.video) == T
    (clip,) = read("flow-poke", tmp_path, fps="25")
    assert clip.tracks.fps == clip.video.fps == 25


def test_flow_poke_writes_the_middle_square(tmp_path):
    clip = a_clip()
    (back,) = read("flow-poke", write("flow-poke", [clip], tmp_path / "out"))
    want = (clip.tracks.xy - [(W - H) / 2, 0]) * 512 / H
    np.testing.assert_allclose(back.tracks.xy, want, atol=1e-3)
    inside = ((want >= 0) & (want < 512)).all(-1)
    np.testing.assert_array_equal(back.tracks.visible, clip.tracks.visible & inside)
    assert 0 < inside.mean() < 1
    assert back.tracks.size == (512, 512)
    assert len(back.video) == T


def test_flow_poke_to_zipmo_and_back(tmp_path):
    first = write("flow-poke", [a_clip(W=64, H=64)], tmp_path / "fpt")
    (fpt,) = read("flow-poke", first)
    (zipmo,) = read("zipmo", write("zipmo", [fpt], tmp_path / "zipmo"))
    (back,) = read("flow-poke", write("flow-poke", [zipmo], tmp_path / "back"))
    for other in (zipmo, back):
        np.testing.assert_allclose(other.tracks.xy, fpt.tracks.xy, atol=1e-3)
        np.testing.assert_array_equal(other.tracks.visible, fpt.tracks.visible)


def test_the_same_clips_give_the_same_bytes_and_large_shards_are_split(tmp_path):
    from kinecast.io.webdataset import write_samples

    for name in ("a", "b"):
        write("zipmo", [a_clip()], tmp_path / name)
    a, b = ((tmp_path / n / "shard_000000.tar").read_bytes() for n in ("a", "b"))
    assert a == b
    samples = [(f"{i:03d}", {"x.npy": bytes(2000)}) for i in range(5)]
    paths = write_samples(tmp_path, iter(samples), shard_bytes=5000)
    assert [path.name for path in paths] == [f"shard_{i:06d}.tar" for i in range(3)]


def test_ids_of_all_shards_differ(tmp_path):
    for name, key in itertools.product("ab", "xy"):
        shard(tmp_path / key / f"{name}.tar", zipmo_parts(), key)
    assert [clip.id for clip in read("zipmo", tmp_path)] == ["x/a/x", "x/b/x", "y/a/y", "y/b/y"]
