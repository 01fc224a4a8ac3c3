"""Physion's hdf5 trials: pictures from bytes, tracks by its own poses, depth and camera."""

import h5py
import numpy as np
import pytest
from physion_trial import RED, H, T, W, file_bytes, hits, pixels, position, turned, write_trial

from kinecast.core.clip import Clip
from kinecast.core.errors import UserError
from kinecast.data.importers import Untracked, importer


def read(path, **options):
    return list(importer("physion").items(path, options))


@pytest.mark.parametrize("raw_depth", [False, True])
def test_tracks_follow_the_plate_and_rest_on_the_wall(tmp_path, raw_depth):
    write_trial(tmp_path / "pilot_0000.hdf5", raw_depth)
    (clip,) = read(tmp_path, stride="4")
    assert isinstance(clip, Clip)
    assert clip.id == "pilot_0000"
    tracks = clip.tracks
    assert (tracks.size, len(tracks), tracks.fps, tracks.count) == ((W, H), T, 30, 12 * 8)
    start = tracks.grid.points().reshape(-1, 2).astype(float)
    np.testing.assert_array_equal(start[:2], [[2.5, 2.5], [6.5, 2.5]])
    _depth, plate, local = hits(start, 0)
    assert 10 < plate.sum() < len(plate) - 10
    for t in range(T):
        want = np.where(plate[:, None], pixels(turned(local, t) + position(t))[0], start)
        np.testing.assert_allclose(tracks.xy[t], want, atol=1e-3)
        seen, on_plate, _ = hits(want, t)
        nearest = pixels(turned(local, t) + position(t))[1]
        hidden = np.where(plate, nearest > seen * 1.03, on_plate)
        assert not (tracks.visible[t] & hidden & _clear(want, t)).any()
        shown = ~hidden & _clear(want, t) & ((want > 0) & (want < (W, H))).all(1)
        assert (tracks.visible[t] | ~shown).all()
    assert (tracks.query_frame == 0).all()
    assert not tracks.visible.all()


def _clear(xy: np.ndarray, t: int) -> np.ndarray:
    """Points whose neighbours within a pixel show the same thing: no edge decides about them."""
    shifts = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)]
    around = np.stack([hits(xy + np.array(shift), t)[1] for shift in shifts])
    return around.all(0) | ~around.any(0)


def test_pictures_come_from_their_bytes(tmp_path):
    write_trial(tmp_path / "a.hdf5")
    (clip,) = read(tmp_path / "a.hdf5", tracks="none")
    assert isinstance(clip, Untracked)
    assert clip.source["no_tracks"] == "not asked for"
    assert (clip.video.size, len(clip.video)) == ((W, H), T)
    np.testing.assert_allclose(clip.video[1:3].mean((1, 2, 3)), [70, 110], atol=2)


@pytest.mark.parametrize(
    "left_out",
    ["static/object_segmentation_colors", "_depth", "_id", "rotations", "projection_matrix"],
)
def test_a_trial_that_lacks_something_is_a_video_and_says_what(tmp_path, left_out):
    write_trial(tmp_path / "a.hdf5", without=(left_out,))
    (item,) = read(tmp_path)
    assert isinstance(item, Untracked)
    assert left_out in item.source["no_tracks"]


def test_cloth_is_a_video(tmp_path):
    path = write_trial(tmp_path / "a.hdf5")
    with h5py.File(path, "a") as file:
        file["frames/0000/particles/1"] = np.zeros((4, 3), np.float32)
    (item,) = read(tmp_path)
    assert "particles" in item.source["no_tracks"]


def test_damage_is_named(tmp_path):
    path = write_trial(tmp_path / "a.hdf5")
    with h5py.File(path, "a") as file:
        del file["frames/0002/images/_id"]
        file["frames/0002/images/_id"] = file_bytes(np.full((H, H, 3), RED, np.uint8), ".png")
    with pytest.raises(UserError, match="frames/0002/images/_id of 48x32"):
        read(tmp_path)
    with h5py.File(path, "a") as file:
        del file["frames/0002/images/_id"]
        file["frames/0002/images/_id"] = np.frombuffer(b"not an image", np.uint8)
    with pytest.raises(UserError, match="frames/0002/images/_id"):
        read(tmp_path)
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(UserError, match="expected an HDF5 file"):
        read(tmp_path)


def test_a_link_out_of_the_file_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    path = write_trial(tmp_path / "data" / "a.hdf5")
    write_trial(tmp_path / "other.hdf5")
    with h5py.File(path, "a") as file:
        del file["frames/0001/images/_img"]
        file["frames/0001/images/_img"] = h5py.ExternalLink(
            str(tmp_path / "other.hdf5"), "frames/0001/images/_img"
        )
    (clip,) = read(tmp_path / "data", tracks="none")
    with pytest.raises(UserError, match="a link; refused"):
        clip.video[0:2]
