"""WHN's shards, in miniature: every data set's names, axes and units."""

import numpy as np
import pytest
from shard_files import npy, npz, pictures, write_tar

from kinecast.core.errors import UserError
from kinecast.data.importers import importer


def laid(h: int, w: int, stride: float, first: float, T: int) -> np.ndarray:
    """Points (T, h, w, 2) from pixel centres of a grid, each moving its own way."""
    y, x = np.mgrid[:h, :w] * stride + first
    steps = np.arange(T)[:, None, None, None]
    speed = np.stack([0.3 + 0.01 * x, -0.2 * np.ones_like(y)], -1)
    return (np.stack([x, y], -1) + steps * speed).astype(np.float32)


def shard(path, parts, key="000001"):
    return write_tar(path, {f"{key}.{name}": content for name, content in parts.items()})


def read(path, **options):
    return list(importer("whn").items(path, options))


def kubric(T=5, h=24, w=32, stride=1) -> dict[str, bytes]:
    """Frames of 2w x 2h strides, tracks in pixels of half of that."""
    visible = np.ones((T, h, w), bool)
    visible[2, 3, 4] = False
    return {
        "frames.npy": npy(pictures(T, 2 * w * stride, 2 * h * stride)),
        "trajectories.npy": npy(laid(h, w, stride, 0.5, T)),
        "visibility.npy": npy(visible),
        "segmentations.npy": npy(np.zeros((T, h, w, 1), np.uint8)),
    }


@pytest.mark.parametrize("stride", [1, 8])
def test_kubric_is_halved_and_dense(tmp_path, stride):
    T, h, w = 5, 6, 8
    shard(tmp_path / "train" / "a.tar", kubric(T, h, w, stride))
    (clip,) = read(tmp_path)
    want = laid(h, w, stride, 0.5, T).reshape(T, h * w, 2)
    np.testing.assert_allclose(clip.tracks.xy, want, atol=1e-3)
    assert clip.tracks.size == clip.video.size == (w * stride, h * stride)
    assert clip.tracks.fps == 12
    assert clip.id == "train/a/000001"
    grid = clip.tracks.grid
    assert (grid.h, grid.w, grid.stride, grid.origin) == (h, w, stride, (0.5, 0.5))
    assert np.argwhere(~clip.tracks.visible).tolist() == [[2, 3 * w + 4]]
    assert (clip.tracks.query_frame == 0).all()
    double = pictures(T, 2 * w * stride, 2 * h * stride)[3].astype(float)
    halves = double.reshape(h * stride, 2, w * stride, 2, 3).mean((1, 3))
    assert np.abs(clip.video[3:4][0] - halves).max() <= 0.51


def test_a_stride_thins_the_dense_points(tmp_path):
    shard(tmp_path / "a.tar", kubric())
    (clip,) = read(tmp_path, stride="8")
    np.testing.assert_allclose(
        clip.tracks.xy, laid(24, 32, 1, 0.5, 5)[:, ::8, ::8].reshape(5, 12, 2), atol=1e-3
    )
    grid = clip.tracks.grid
    assert (grid.h, grid.w, grid.stride, grid.origin) == (3, 4, 8, (0.5, 0.5))
    shard(tmp_path / "a.tar", kubric(h=6, w=8, stride=8))
    with pytest.raises(UserError, match=r"multiple of what .* every 8 pixels"):
        read(tmp_path, stride="12")


def test_kubric_with_points_first_is_the_same(tmp_path):
    dense = kubric()
    tracks = laid(24, 32, 1, 0.5, 5).reshape(5, -1, 2).swapaxes(0, 1)
    visible = np.ones((24 * 32, 5, 1), np.uint8)
    visible[3 * 32 + 4, 2] = 0
    first = {"trajectories.npy": npy(tracks), "visibility.npy": npy(visible)}
    shard(tmp_path / "a.tar", dense)
    shard(tmp_path / "b.tar", dense | first)
    a, b = read(tmp_path)
    np.testing.assert_array_equal(a.tracks.xy, b.tracks.xy)
    np.testing.assert_array_equal(a.tracks.visible, b.tracks.visible)


def test_trackers_guesses_are_read_only_when_they_are_asked_for(tmp_path):
    parts = kubric()
    parts["pseudo_trajectories.npy"] = npy(laid(24, 32, 1, 0.5, 5) + 0.25)
    parts["pseudo_visibility.npy"] = npy(np.zeros((5, 24, 32), bool))
    shard(tmp_path / "a.tar", parts)
    (true,), (pseudo,) = read(tmp_path), read(tmp_path, tracks="pseudo")
    np.testing.assert_allclose(pseudo.tracks.xy, true.tracks.xy + 0.25, atol=1e-3)
    assert not pseudo.tracks.visible.any()
    assert (pseudo.tracks.query_frame == -1).all()
    shard(tmp_path / "a.tar", {k: v for k, v in parts.items() if k != "trajectories.npy"})
    with pytest.raises(UserError, match=r"--assume tracks=true\|pseudo"):
        read(tmp_path)


def test_frames_that_are_not_double_are_refused_with_the_option(tmp_path):
    parts = kubric() | {"frames.npy": npy(pictures(5, 32, 24))}
    shard(tmp_path / "a.tar", parts)
    with pytest.raises(UserError, match="--assume frames=single"):
        read(tmp_path)
    (clip,) = read(tmp_path, frames="single")
    np.testing.assert_allclose(clip.tracks.xy[0, 33], (1.5, 1.5), atol=1e-3)
    assert clip.video.size == (32, 24)


def test_points_without_a_finite_place_are_not_seen(tmp_path):
    tracks = laid(24, 32, 1, 0.5, 5)
    tracks[3, 0, 1] = np.inf
    shard(tmp_path / "a.tar", kubric() | {"trajectories.npy": npy(tracks)})
    (clip,) = read(tmp_path)
    assert not clip.tracks.visible[3, 1]
    assert clip.tracks.visible[2, 1]


def test_libero_has_two_views_and_a_text(tmp_path):
    T, h, w = 16, 8, 12  # published: 64 x 64 points of 128 x 128
    tracks = {view: laid(h, w, 2, 1.5, T) + shift for view, shift in (("agent", 0), ("gripper", 9))}
    parts = {
        "frames.npz": npz(agent=pictures(T, 2 * w, 2 * h), gripper=pictures(T, 2 * w, 2 * h)[::-1]),
        "instruction.txt": b"pick up the bowl\n",
        "instruction_features__text_embeds.npy": npy(np.zeros(768, np.float32)),
    } | {
        f"trajectories__{view}__trajectories.npy": npy(xy.reshape(T, -1, 2).swapaxes(0, 1))
        for view, xy in tracks.items()
    }
    shard(tmp_path / "a.tar", parts)
    agent, gripper = read(tmp_path)
    for clip, view in ((agent, "agent"), (gripper, "gripper")):
        np.testing.assert_allclose(clip.tracks.xy, tracks[view].reshape(T, -1, 2), atol=1e-3)
        assert (clip.caption, clip.id) == ("pick up the bowl", f"a/000001/{view}")
        assert clip.tracks.size == (24, 16)
    assert agent.tracks.grid.origin == (1.5, 1.5)
    assert (agent.tracks.query_frame == 0).all()
    assert (gripper.tracks.query_frame == -1).all()  # nine pixels off the grid
    np.testing.assert_array_equal(agent.video[0:1][0], gripper.video[15:16][0])
    assert [clip.id for clip in read(tmp_path, view="gripper")] == ["a/000001/gripper"]


def test_physics101_has_camera_and_kinect_of_464_by_256(tmp_path):
    T, h, w = 3, 64, 116
    xy = laid(h, w, 4, 2.5, T)
    parts = {}
    for view in ("camera", "kinect"):
        parts[f"{view}_frames.npy"] = npy(pictures(T, 464, 256))
        parts[f"trajectories__{view}__trajectories.npy"] = npy(xy.reshape(T, -1, 2).swapaxes(0, 1))
    shard(tmp_path / "a.tar", parts)
    clips = read(tmp_path)
    assert [clip.id for clip in clips] == ["a/000001/camera", "a/000001/kinect"]
    grid = clips[0].tracks.grid
    assert (grid.h, grid.w, grid.stride, grid.origin) == (64, 116, 4, (2.5, 2.5))
    np.testing.assert_allclose(clips[1].tracks.xy, xy.reshape(T, -1, 2), atol=1e-3)


@pytest.mark.parametrize(("W", "H"), [(64, 64), (56, 28)])  # as Physion and Cityscapes are shaped
def test_physion_and_cityscapes_say_seen_by_the_frame(tmp_path, W, H):
    T, h, w = 6, H // 4, W // 4
    xy = laid(h, w, 4, 2.5, T)
    xy[4, 0, 0] = (-1, 3)
    parts = {
        "frames.npy": npy(pictures(T, W, H)),
        "trajectories__trajectories.npy": npy(xy.reshape(T, -1, 2).swapaxes(0, 1)),
        "frame_features__last_hidden_state.npy": npy(np.zeros((3, 4), np.float32)),
    }
    shard(tmp_path / "a.tar", parts)
    (clip,) = read(tmp_path)
    np.testing.assert_allclose(clip.tracks.xy, xy.reshape(T, -1, 2), atol=1e-3)
    assert not clip.tracks.visible[4, 0]
    assert clip.tracks.source["visible"] == "inside the frame"
    assert clip.tracks.grid.origin == (2.5, 2.5)


TRACKS = laid(24, 32, 1, 0.5, 5)


@pytest.mark.parametrize(
    ("part", "array", "message"),
    [
        ("trajectories.npy", TRACKS[..., ::-1], "(y, x) instead of (x, y)"),
        ("trajectories.npy", TRACKS.transpose(0, 2, 1, 3), "column by column"),
        ("trajectories.npy", TRACKS.reshape(5, -1, 2), "axes in another order"),
        ("trajectories.npy", TRACKS[:4], "expected 5 frames"),
        ("trajectories.npy", TRACKS[..., :1], "numbers (x, y)"),
        ("visibility.npy", np.ones((5, 32, 24), np.float32) / 2, "0 or 1"),
        ("frames.npy", pictures(5, 64, 48).astype(np.float32), "uint8 (T, H, W, 3)"),
        ("frames.npy", pictures(5, 63, 48), "twice the size"),
    ],
)
def test_other_axes_and_types_are_refused_by_name(tmp_path, part, array, message):
    shard(tmp_path / "a.tar", kubric() | {part: npy(np.ascontiguousarray(array))})
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert message in str(error.value)
    assert "000001." in str(error.value)


def test_a_torn_tar_a_stranger_and_an_empty_folder_are_refused(tmp_path):
    path = shard(tmp_path / "a.tar", kubric())
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(UserError, match=r"a\.tar"):
        read(tmp_path)
    shard(path, {"frames.npy": b"", "cls": b"1"})
    with pytest.raises(UserError, match=r"expected trajectories .* got only frames.npy, cls"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"expected \.tar shards"):
        read(_empty(tmp_path))


def _empty(folder):
    path = folder / "empty"
    path.mkdir()
    return path


@pytest.mark.parametrize("name", ["/etc/000001.frames.npy", "a/../../000001.frames.npy"])
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    write_tar(tmp_path / "a.tar", {name: b"x"})
    with pytest.raises(UserError, match="leaves the folder"):
        read(tmp_path)
