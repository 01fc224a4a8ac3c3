"""LIBERO's and ATM's files, written here in their layout, read back right to the pixel."""

import json

import numpy as np
import pytest

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.exporters import exporter
from kinecast.data.importers import Untracked, importer
from kinecast.data.importers.libero import task_text
from kinecast.data.importers.track import tracked
from kinecast.data.trackers import get_tracker

h5py = pytest.importorskip("h5py", reason="needs the extra data")

T, H, W, N = 5, 16, 28, 7  # not square: a swap of the axes shows
TASK = "KITCHEN_SCENE3_turn_on_the_stove_demo"


def frames(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (T, H, W, 3), np.uint8)


def libero_file(path, demos=(0, 1), convention=None):
    """A LIBERO file; returns the upright agentview frames of each demo."""
    rows = 1 if convention == "opencv" else -1
    path.parent.mkdir(parents=True, exist_ok=True)
    upright = {}
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        env_args = {"env_kwargs": {"camera_names": ["agentview", "robot0_eye_in_hand"]}}
        data.attrs["env_args"] = json.dumps(env_args)
        if convention:
            data.attrs["macros_image_convention"] = convention
        for i in demos:
            upright[i] = frames(i)
            demo = data.create_group(f"demo_{i}")
            demo["actions"] = np.full((T, 7), 0.1 * i)
            for name, width in (("gripper", 2), ("joint", 7), ("ee", 6)):
                demo[f"obs/{name}_states"] = np.full((T, width), i + 0.5)
            demo["obs/ee_pos"] = demo["obs/ee_ori"] = np.zeros((T, 3))
            demo["obs/agentview_rgb"] = upright[i][:, ::rows]
            demo["obs/eye_in_hand_rgb"] = 255 - upright[i][:, ::rows]
    return upright


def atm_file(path, xy, visible, divisor=(W, H)):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        root = file.create_group("root")
        root["actions"] = np.zeros((T, 7))
        root["task_emb_bert"] = np.zeros(768, np.float32)
        for view in ("agentview", "eye_in_hand"):
            root[f"{view}/video"] = frames(3).transpose(0, 3, 1, 2)[None]
            root[f"{view}/tracks"] = (xy / divisor).astype(np.float32)[None]
            root[f"{view}/vis"] = visible[None]


@pytest.fixture
def points():
    rng = np.random.default_rng(4)
    return rng.uniform(0, 1, (T, N, 2)) * (W, H), rng.random((T, N)) > 0.3


def test_frames_come_upright_with_the_task_as_their_text(tmp_path):
    upright = libero_file(tmp_path / f"{TASK}.hdf5", demos=(0, 2, 10))
    items = list(importer("libero").items(tmp_path / f"{TASK}.hdf5"))
    assert all(isinstance(item, Untracked) for item in items)
    assert [item.id for item in items] == [
        f"{TASK}/demo_{i}/{view}" for i in (0, 2, 10) for view in ("agentview", "eye_in_hand")
    ]
    agent, hand = items[2:4]
    assert (agent.video.size, len(agent.video), agent.video.fps) == ((W, H), T, 20.0)
    np.testing.assert_array_equal(agent.video[1:4], upright[2][1:4])
    np.testing.assert_array_equal(hand.video[0:T], 255 - upright[2])
    assert agent.caption == "turn on the stove"


def test_a_file_that_says_it_is_upright_is_not_turned(tmp_path):
    upright = libero_file(tmp_path / "a_demo.hdf5", convention="opencv")
    item = next(importer("libero").items(tmp_path))
    np.testing.assert_array_equal(item.video[0:T], upright[0])


def test_a_folder_of_suites_gives_every_task_and_one_view_if_asked(tmp_path):
    libero_file(tmp_path / "libero_goal" / "put_the_bowl_on_the_plate_demo.hdf5")
    libero_file(tmp_path / "libero_90" / f"{TASK}.hdf5")
    items = list(importer("libero").items(tmp_path, {"view": "eye_in_hand"}))
    assert [item.id for item in items] == [
        f"{task}/demo_{i}/eye_in_hand"
        for task in (f"libero_90/{TASK}", "libero_goal/put_the_bowl_on_the_plate_demo")
        for i in (0, 1)
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("put_the_bowl_on_the_plate_demo", "put the bowl on the plate"),
        ("LIVING_ROOM_SCENE10_stack_the_bowls_demo", "stack the bowls"),
        ("STUDY_SCENE1_pick_up_the_book_demo", "pick up the book"),
    ],
)  # fmt: skip
def test_the_text_of_a_file_name(name, text):
    assert task_text(name) == text


def test_atm_tracks_are_fractions_of_width_and_height(tmp_path, points):
    xy, visible = points
    atm_file(tmp_path / TASK / "demo_0.hdf5", xy, visible)
    clips = list(importer("atm").items(tmp_path))
    assert [clip.id for clip in clips] == [
        f"{TASK}/demo_0/agentview", f"{TASK}/demo_0/eye_in_hand"
    ]  # fmt: skip
    for clip in clips:
        assert isinstance(clip, Clip)
        assert np.abs(clip.tracks.xy - xy).max() < 1e-3
        np.testing.assert_array_equal(clip.tracks.visible, visible)
        assert clip.tracks.size == (W, H)
        assert (clip.tracks.query_frame == -1).all()  # the file does not say
        np.testing.assert_array_equal(clip.video[1:3], frames(3)[1:3])
        assert clip.caption == "turn on the stove"


def test_atm_options_state_what_a_square_frame_hides(tmp_path, points):
    xy, visible = points
    atm_file(tmp_path / "swapped_demo" / "demo_0.hdf5", xy, visible, divisor=(H, W))
    options = {"divisor": "height-width", "view": "agentview"}
    (clip,) = importer("atm").items(tmp_path, options)
    assert np.abs(clip.tracks.xy - xy).max() < 1e-3
    (shifted,) = importer("atm").items(tmp_path, {**options, "integers": "centres"})
    np.testing.assert_allclose(shifted.tracks.xy - clip.tracks.xy, 0.5, atol=1e-5)


def test_links_of_atm_splits_give_each_demo_once_and_keep_its_text(tmp_path, points):
    folder = tmp_path / TASK
    atm_file(folder / "demo_0.hdf5", *points)
    (folder / "train").mkdir()
    (folder / "train" / "demo_0.hdf5").symlink_to(folder / "demo_0.hdf5")
    options = {"view": "agentview"}
    assert [c.id for c in importer("atm").items(folder, options)] == ["demo_0/agentview"]
    (clip,) = importer("atm").items(folder / "train", options)
    assert clip.caption == "turn on the stove"


def test_demonstrations_become_atm_files_and_come_back(tmp_path):
    upright = libero_file(tmp_path / "libero_90" / f"{TASK}.hdf5", demos=(0, 1))
    (tmp_path / "atm").mkdir()
    tracker = get_tracker("chain")
    made = [tracked(item, tracker, 4) for item in importer("libero").items(tmp_path)]
    exporter("atm").write(iter(made), tmp_path / "atm", "libero")
    back = list(importer("atm").items(tmp_path / "atm"))
    assert [clip.id for clip in back] == [clip.id for clip in made]
    for clip, original in zip(back, made, strict=True):
        assert np.abs(clip.tracks.xy - original.tracks.xy).max() < 1e-3
        np.testing.assert_array_equal(clip.tracks.visible, original.tracks.visible)
        np.testing.assert_array_equal(clip.video[0:T], original.video[0:T])
        assert clip.caption == original.caption
    np.testing.assert_array_equal(back[0].video[0:T], upright[0])
    with h5py.File(tmp_path / "atm" / "libero_90" / TASK / "demo_1.hdf5") as file:
        assert (file["root/actions"][:] == 0.1).all()
        assert (file["root/extra_states/joint_states"][:] == 1.5).all()


def test_what_is_no_demonstration_does_not_become_an_atm_file(tmp_path, points):
    xy, visible = points
    atm_file(tmp_path / "a_demo" / "demo_0.hdf5", xy, visible)
    with pytest.raises(UserError, match="--from libero"):
        exporter("atm").write(importer("atm").items(tmp_path), tmp_path, "atm")


def test_flags_that_are_neither_0_nor_1_are_refused(tmp_path, points):
    xy, visible = points
    atm_file(tmp_path / "a_demo" / "demo_0.hdf5", xy, visible * np.float32(0.5))
    with pytest.raises(UserError, match="to hold 0 and 1"):
        next(importer("atm").items(tmp_path))


def test_wrong_layouts_name_what_is_missing(tmp_path):
    with h5py.File(tmp_path / "a_demo.hdf5", "w") as file:
        file["data/demo_0/obs/agentview_rgb"] = np.zeros((T, H, W, 4), np.uint8)
        file.create_group("empty")
    with pytest.raises(UserError, match=r"agentview_rgb .* uint8 \(any, any, any, 3\), got uint8"):
        next(importer("libero").items(tmp_path))
    with pytest.raises(UserError, match="root/agentview/video"):
        next(importer("atm").items(tmp_path))
    with h5py.File(tmp_path / "a_demo.hdf5", "w") as file:
        file["data/demo_0/obs/agentview_rgb"] = np.zeros((T, H, W, 3), np.int64)
    with pytest.raises(UserError, match="got int64"):
        next(importer("libero").items(tmp_path))
    (tmp_path / "a_demo.hdf5").write_bytes(b"not one")
    with pytest.raises(UserError, match="expected an HDF5 file"):
        next(importer("libero").items(tmp_path))


@pytest.mark.parametrize("what", ["external link", "soft link", "external storage", "virtual"])
def test_files_that_point_elsewhere_are_refused(tmp_path, what):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(T * H * W * 3))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros((T, H, W, 3), np.uint8)
    with h5py.File(tmp_path / "a_demo.hdf5", "w") as file:
        obs = file.create_group("data/demo_0/obs")
        if what == "external link":
            obs["agentview_rgb"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
        elif what == "soft link":
            obs["agentview_rgb"] = h5py.SoftLink("/elsewhere")
        elif what == "external storage":
            obs.create_dataset(
                "agentview_rgb", (T, H, W, 3), "uint8",
                external=[(str(secret), 0, T * H * W * 3)],
            )  # fmt: skip
        else:
            layout = h5py.VirtualLayout((T, H, W, 3), "uint8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (T, H, W, 3))
            obs.create_virtual_dataset("agentview_rgb", layout)
    with pytest.raises(UserError, match="in the file, got"):
        next(importer("libero").items(tmp_path / "a_demo.hdf5"))
