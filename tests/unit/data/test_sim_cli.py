"""`kinecast synth` of a rendered family: the files it writes."""

import hashlib
import json

import numpy as np
import pytest
from sim_worlds import needs_gl

from kinecast.cli.main import main
from kinecast.data.synth.sim.film import film
from kinecast.io.image import read_image
from kinecast.io.npz import NpzReader
from kinecast.io.tracks_file import load_tracks
from kinecast.io.video import open_video

pytestmark = needs_gl
SMALL = ["--frames", "5", "--size", "96x64", "--fps", "6"]


def make(out, *words, family="movi-a"):
    assert main(["synth", family, "--out", str(out), *SMALL, *words]) == 0
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.iterdir()}


def test_it_writes_videos_tracks_objects_and_a_sheet_with_the_pictures(tmp_path, capsys):
    out = tmp_path / "a"
    words = ["--n", "2", "--seed", "4", "--camera", "moving", "--json"]
    names = set(make(out, *words))
    report = json.loads(capsys.readouterr().out)
    assert report["clips_per_minute"] > 0
    assert {str(out / name) for name in names} == set(report["paths"])
    assert "movi-a_00001_objects.npz" in names
    take = film("movi-a", seed=4, index=1, frames=5, size=(96, 64), fps=6.0, camera="moving")
    view = take.views[0]
    video = open_video(out / "movi-a_00001.mp4")
    assert (len(video), video.size, video.fps) == (5, (96, 64), 6.0)
    wrong = video[0:5].astype(float) - view.pictures.rgb
    assert np.abs(wrong).mean() < 2.5
    tracks = load_tracks(out / "movi-a_00001.npz")
    np.testing.assert_array_equal(tracks.xy, view.tracks.xy)
    assert tracks.source["simulated"] == "movi-a/4/1/0"
    sheet = read_image(out / "contact.png")
    assert np.ptp(sheet[10:200, 10:250].reshape(-1, 3).astype(int), axis=0).min() > 60


def test_the_objects_file_alone_reproduces_masks_and_tracks(tmp_path):
    out = tmp_path / "a"
    make(out, "--n", "1", "--seed", "6", "--camera", "moving")
    tracks = load_tracks(out / "movi-a_00000.npz")
    file = NpzReader(out / "movi-a_00000_objects.npz", "kinecast-objects", 1)
    masks = file.take("segmentation", "uint8", (5, 64, 96))
    thing = file.take("point_object", "uint8", (tracks.count,))
    position, quaternion = (
        file.take(key, "float64", (5, None, n)) for key, n in (("position", 3), ("quaternion", 4))
    )
    K = file.take("camera_intrinsics", "float64", (3, 3))
    pose = file.take("camera_pose", "float64", (5, 3, 4))
    labels = file.take_json("labels")
    assert len(labels["objects"]) == position.shape[1]
    assert file.take("velocity", "float64", (5, None, 6)).shape[1] == position.shape[1]
    assert set(labels["objects"][0]) == {"shape", "size", "material", "colour"}
    t, n = np.nonzero(tracks.visible)
    column, row = np.floor(tracks.xy[t, n]).astype(int).T
    assert (masks[t, row, column] == thing[n]).mean() >= 0.995
    np.testing.assert_allclose(np.linalg.norm(quaternion, axis=-1), 1, atol=1e-9)
    # an object's middle, through the file's camera, lies in the hull of its mask where it is whole
    checked = 0
    for k in range(position.shape[1]):
        y, x = np.nonzero(masks[0] == k + 1)
        if len(y) == 0 or y.min() == 0 or x.min() == 0 or y.max() == 63 or x.max() == 95:
            continue
        local = pose[0] @ [*position[0, k], 1]
        pixel = (K @ (local / local[2]))[:2]
        assert x.min() - 1 <= pixel[0] <= x.max() + 2
        assert y.min() - 1 <= pixel[1] <= y.max() + 2
        checked += 1
    assert checked >= 2
    # points ride on the poses: from frame 0 to frame 4 by the file alone
    moved = np.flatnonzero((thing > 0) & tracks.visible[4])
    for n in moved:
        k = thing[n] - 1
        turn = [rotation(quaternion[t, k]) for t in (0, 4)]
        ray = pose[0][:, :3].T @ np.linalg.inv(K) @ [*tracks.xy[0, n], 1]
        origin = -pose[0][:, :3].T @ pose[0][:, 3]
        # the depth that puts the point where the track says in frame 4
        at = [origin + s * ray for s in np.linspace(2, 30, 4000)]
        world = (turn[1] @ turn[0].T @ (np.array(at) - position[0, k]).T).T + position[4, k]
        seen = (pose[4][:, :3] @ world.T).T + pose[4][:, 3]
        pixels = (K @ (seen / seen[:, 2:]).T).T[:, :2]
        assert np.linalg.norm(pixels - tracks.xy[4, n], axis=1).min() < 0.2
    assert len(moved) >= 1


def rotation(q):
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(tmp_path):
    one = make(tmp_path / "one", "--n", "3", "--workers", "1")
    two = make(tmp_path / "two", "--n", "3", "--workers", "2")
    assert one == two
    assert len(one) == 10
    fewer = make(tmp_path / "fewer", "--n", "1", "--workers", "1")
    del fewer["contact.png"]
    assert fewer.items() <= one.items()
    other = make(tmp_path / "other", "--n", "1", "--seed", "1")
    assert other["movi-a_00000.npz"] not in one.values()


def test_futures_are_named_and_their_videos_start_with_one_picture(tmp_path):
    out = tmp_path / "a"
    files = make(out, "--n", "1", "--futures", "3", "--workers", "1", family="movi-b")
    names = [f"movi-b_00000-{k:03d}" for k in range(3)]
    assert set(files) == {f"{n}{e}" for n in names for e in (".mp4", ".npz", "_objects.npz")} | {
        "contact.png"
    }
    videos = [open_video(out / f"{name}.mp4")[0:5] for name in names]
    assert (videos[0][0] == videos[1][0]).all()
    assert (videos[0][0] == videos[2][0]).all()
    assert (videos[0][4] != videos[1][4]).any()


def test_a_failure_in_a_worker_is_one_line_and_leaves_nothing(tmp_path, capsys):
    words = ["--n", "2", "--workers", "2", "--size", "99999x8"]
    assert main(["synth", "movi-a", "--out", str(tmp_path / "a"), *words]) == 2
    error = capsys.readouterr().err
    assert "cannot draw pictures of 99999x8" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["97x63", "64x120"])
def test_any_size_will_do(tmp_path, size):
    words = ["synth", "movi-a", "--n", "1", "--frames", "2", "--size", size]
    assert main([*words, "--out", str(tmp_path)]) == 0
    W, H = map(int, size.split("x"))
    tracks = load_tracks(tmp_path / "movi-a_00000.npz")
    assert tracks.size == (W, H)
    assert tracks.count == -(-W // 8) * -(-H // 8)
