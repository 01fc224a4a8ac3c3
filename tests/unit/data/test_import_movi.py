import numpy as np
import pytest
import tfrecords
from movi_record import DEPTH_RANGE, H, T, W, World

from kinecast.core.errors import UserError
from kinecast.data.importers import importer
from kinecast.io.crc32c import crc32c


def write(path, *records):
    """A TFRecord file of Examples, as TensorFlow Datasets stores MOVi."""
    return tfrecords.write(path, map(tfrecords.example, records), crc32c)


def clips(path, **options):
    return list(importer("movi").items(path, options))


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.mark.parametrize("encoding", ["png", "numbers", "bytes"])
def test_tracks_are_where_the_objects_go(encoding, world, tmp_path):
    name = "movi_a-validation.tfrecord-00000-of-00004"
    (clip,) = clips(write(tmp_path / name, world.record(encoding)), stride="3")
    rows, columns = (part.ravel() for part in np.mgrid[0:H:3, 0:W:3])
    truth = world.truth(rows, columns, 0)
    assert clip.id == "movi_a-validation-00000-of-00004_00000"
    assert (clip.tracks.size, clip.tracks.fps, len(clip.video)) == ((W, H), 12.0, T)
    np.testing.assert_allclose(clip.tracks.xy, truth, atol=1e-3)
    np.testing.assert_allclose(clip.tracks.xy[0], np.stack([columns, rows], 1) + 0.5, atol=1e-3)
    np.testing.assert_allclose(
        clip.tracks.grid.points().reshape(-1, 2), clip.tracks.xy[0], atol=1e-3
    )
    np.testing.assert_array_equal(clip.video[0:T].shape, (T, H, W, 3))


def test_points_behind_a_nearer_object_are_hidden(world, tmp_path):
    (clip,) = clips(write(tmp_path / "x.tfrecord", world.record()), stride="1")
    first = np.array([world.render(t)[0] for t in range(T)])
    body = first[0].ravel()
    x, y = np.floor(clip.tracks.xy).astype(int).transpose(2, 0, 1)
    inside = (x >= 0) & (x < W) & (y >= 0) & (y < H)
    shown = first[np.arange(T)[:, None], np.clip(y, 0, H - 1), np.clip(x, 0, W - 1)]
    agrees = (shown == body)[clip.tracks.visible]
    assert not clip.tracks.visible[~inside].any()
    assert agrees.mean() > 0.98  # an edge may lie within a pixel
    hidden = (body == 1) & inside[-1] & (shown[-1] == 2)
    assert hidden.sum() > 10
    assert clip.tracks.visible[-1][hidden].mean() < 0.2
    floor = (body == 0) & (shown == 0).all(0)
    assert clip.tracks.visible[:, floor].all()


def test_any_frame_can_be_the_query_and_the_camera_may_move(tmp_path):
    world = World(moving_camera=True)
    (clip,) = clips(write(tmp_path / "x.tfrecord", world.record()), query="2", stride="4")
    rows, columns = (part.ravel() for part in np.mgrid[0:H:4, 0:W:4])
    np.testing.assert_allclose(clip.tracks.xy, world.truth(rows, columns, 2), atol=1e-3)
    assert set(clip.tracks.query_frame.tolist()) == {2}


def test_the_corners_of_a_box_may_come_in_any_order(world, tmp_path):
    record = world.record()
    boxes = record["instances/bboxes_3d"]
    record["instances/bboxes_3d"] = boxes[:, :, [3, 1, 0, 7, 5, 6, 2, 4]]
    one, other = clips(write(tmp_path / "x.tfrecord", world.record(), record))
    np.testing.assert_array_equal(one.tracks.xy, other.tracks.xy)


@pytest.mark.parametrize(
    "missing", ["metadata/video_name", "metadata/width", "camera/focal_length"]
)
def test_keys_that_are_not_needed_may_be_missing(missing, world, tmp_path):
    record = world.record()
    whole = clips(write(tmp_path / "x.tfrecord", record))
    record.pop(missing)
    (clip,) = clips(write(tmp_path / "y.tfrecord", record))
    np.testing.assert_allclose(clip.tracks.xy, whole[0].tracks.xy, atol=1e-4)


@pytest.mark.parametrize(
    "missing", ["depth", "segmentations", "object_coordinates", "instances/bboxes_3d", "video"]
)
def test_keys_that_are_needed_are_named(missing, world, tmp_path):
    record = world.record()
    record.pop(missing)
    with pytest.raises(UserError, match=rf"record 0 of .*{missing}"):
        clips(write(tmp_path / "x.tfrecord", record))


def test_plain_frames_without_a_size_are_refused(world, tmp_path):
    record = world.record("numbers")
    record.pop("metadata/width")
    path = write(tmp_path / "x.tfrecord", record)
    with pytest.raises(UserError, match="--assume size=WxH"):
        clips(path)
    assert clips(path, size=f"{W}x{H}")[0].tracks.size == (W, H)


def test_quaternions_in_another_order_do_not_fit_the_boxes(world, tmp_path):
    record = world.record()
    record["instances/quaternions"] = np.roll(record["instances/quaternions"], -1, -1)
    with pytest.raises(UserError, match=r"quaternions \(w, x, y, z\)"):
        clips(write(tmp_path / "x.tfrecord", record))


def test_a_folder_of_files_and_damage(world, tmp_path):
    record = world.record()
    write(tmp_path / "a.tfrecord-00001-of-00002", record)
    path = write(tmp_path / "a.tfrecord-00000-of-00002", record, record)
    assert [clip.id for clip in clips(tmp_path)] == [
        "a-00000-of-00002_00000", "a-00000-of-00002_00001", "a-00001-of-00002_00000",
    ]  # fmt: skip
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 50] ^= 4
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"record [01] is damaged"):
        clips(path)


def test_depth_is_decoded_over_its_range(world, tmp_path):
    """A wrong range moves the background when the camera moves."""
    moving = World(moving_camera=True)
    record = moving.record()
    record["metadata/depth_range"] = np.array([DEPTH_RANGE[0], DEPTH_RANGE[1] * 2], np.float32)
    (wrong,) = clips(write(tmp_path / "x.tfrecord", record))
    (right,) = clips(write(tmp_path / "y.tfrecord", moving.record()))
    assert np.abs(wrong.tracks.xy - right.tracks.xy).max() > 0.5
