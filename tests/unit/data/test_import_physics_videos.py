"""Physics 101 and Physics-IQ: folders of videos, their views, takes and texts."""

import numpy as np
import pytest
from shard_files import encoded, pictures

from kinecast.core.errors import UserError
from kinecast.data.importers import Untracked, importer

VIDEO = encoded(pictures(3, 64, 36))


def put(path, content=VIDEO):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read(name, path, **options):
    return list(importer(name).items(path, options))


@pytest.fixture
def trials(tmp_path):
    root = tmp_path / "phys101"
    ramp = root / "scenarios" / "ramp" / "block_blue" / "angle_10" / "01"
    for name in ("Camera_1.mp4", "Camera_2.mp4", "Kinect_RGB_1.mp4", "Kinect_FullDepth_1.mp4"):
        put(ramp / name)
    put(root / "scenarios" / "fall" / "ball" / "02" / "Camera_1.avi")
    (root / "README.txt").write_text("about")
    return root


def test_physics101_has_two_kinds_of_views_and_no_depth(trials):
    items = read("physics101", trials)
    assert [item.id for item in items] == [
        "fall/ball/02/Camera_1",
        "ramp/block_blue/angle_10/01/Camera_1",
        "ramp/block_blue/angle_10/01/Camera_2",
        "ramp/block_blue/angle_10/01/Kinect_RGB_1",
    ]
    assert all(isinstance(item, Untracked) for item in items)
    assert items[3].source["view"] == "kinect"
    assert (items[1].source["scenario"], items[1].source["object"]) == ("ramp", "block_blue")
    assert (items[1].video.size, len(items[1].video)) == ((64, 36), 3)
    assert len(read("physics101", trials, view="camera", scenario="ramp")) == 2
    assert len(read("physics101", trials / "scenarios" / "fall")) == 1


def test_physics101_refuses_what_it_does_not_know(tmp_path, trials):
    put(trials / "scenarios" / "ramp" / "x" / "phone.mp4")
    with pytest.raises(UserError, match="named camera or kinect"):
        read("physics101", trials)
    put(tmp_path / "other" / "Camera_1.mp4")
    with pytest.raises(UserError, match="folder of a scenario"):
        read("physics101", tmp_path / "other")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="expected videos"):
        read("physics101", tmp_path / "empty")


HEADER = "scenario,description,category,generated_video_name\n"
ROWS = (
    "0001_perspective-left_take-1_trimmed-ball-fall.mp4,A ball falls.,Solid Mechanics,"
    "0001_perspective-left_trimmed-ball-fall.mp4\n"
    '0002_perspective-center_take-1_trimmed-pour.mp4,"Water, red, is poured.",Fluid Dynamics,'
    "0002_perspective-center_trimmed-pour.mp4\n"
)


def physics_iq(root, part="testing-videos", fps=30):
    (root / "descriptions.csv").write_text(HEADER + ROWS)
    folder = root / "split-videos" / part / f"{fps}FPS"
    for number, view, take, event in (
        (1, "left", 1, "ball-fall"), (2, "center", 1, "pour"), (199, "left", 2, "ball-fall"),
    ):  # fmt: skip
        name = f"{number:04d}_{part}_{fps}FPS_perspective-{view}_take-{take}_trimmed-{event}.mp4"
        put(folder / name)
    put(root / "switch-frames" / "0001_switch-frames_anyFPS_perspective-left_trimmed-ball-fall.jpg")
    mask = "0001_video-masks_30FPS_perspective-left_take-1_trimmed-ball-fall.mp4"
    put(root / "video-masks" / "real" / "30FPS" / mask)
    return root


@pytest.mark.parametrize("part", ["testing-videos", "testing"])
def test_physics_iq_pairs_videos_with_texts_masks_and_switch_frames(tmp_path, part):
    left, pour, again = read("physics-iq", physics_iq(tmp_path, part))
    assert [item.caption for item in (left, pour, again)] == [
        "A ball falls.", "Water, red, is poured.", "A ball falls.",
    ]  # fmt: skip
    assert left.source["switch_frame"].endswith("perspective-left_trimmed-ball-fall.jpg")
    assert left.source["mask"].endswith("take-1_trimmed-ball-fall.mp4")
    assert pour.source["mask"] is again.source["mask"] is None
    assert (pour.source["view"], again.source["take"], left.source["event"]) == (
        "center", "2", "ball-fall",
    )  # fmt: skip
    np.testing.assert_array_equal(left.video[0:1].shape, (1, 36, 64, 3))


def test_physics_iq_chooses_takes_and_solid_mechanics(tmp_path):
    physics_iq(tmp_path)
    ids = [item.id[:4] for item in read("physics-iq", tmp_path, events="solid-mechanics")]
    assert ids == ["0001", "0199"]
    assert [item.id[:4] for item in read("physics-iq", tmp_path, take="2")] == ["0199"]
    physics_iq(tmp_path, "conditioning-videos", 8)
    assert len(read("physics-iq", tmp_path, part="conditioning", fps="8")) == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("scenario,description\na,b\n", "generated_video_name such as"),
        (HEADER + ROWS.partition("\n")[0] + "\n", "expected a description of pour, center view"),
        (b"\xff\xfe\x00", "expected a CSV file"),
    ],
)
def test_physics_iq_refuses_another_table(tmp_path, table, message):
    physics_iq(tmp_path)
    content = table if isinstance(table, bytes) else table.encode()
    (tmp_path / "descriptions.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read("physics-iq", tmp_path)


def test_physics_iq_cannot_choose_without_categories(tmp_path):
    physics_iq(tmp_path)
    short = HEADER.replace("category,", "") + ROWS.replace("Solid Mechanics,", "").replace(
        "Fluid Dynamics,", ""
    )
    (tmp_path / "descriptions.csv").write_text(short)
    assert len(read("physics-iq", tmp_path)) == 3
    with pytest.raises(UserError, match="a column category"):
        read("physics-iq", tmp_path, events="solid-mechanics")
    with pytest.raises(UserError, match=r"expected videos in .*24FPS"):
        read("physics-iq", tmp_path, fps="24")
