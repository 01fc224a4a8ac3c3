import os
import pickle
import zipfile

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data.importers import importer

T, H, W, N = 5, 48, 80, 7
XY = np.random.default_rng(0).uniform(0.5, [W - 0.5, H - 0.5], (N, T, 2))  # the truth, in pixels
HIDDEN = np.random.default_rng(1).random((N, T)) < 0.3
FRAMES = np.random.default_rng(2).integers(0, 255, (T, H, W, 3), np.uint8)


def item(points=XY / (W, H), occluded=HIDDEN, video=FRAMES, dtype=np.float32):
    return {"video": video, "points": points.astype(dtype), "occluded": occluded}


def write(path, value, protocol=4):
    path.write_bytes(pickle.dumps(value, protocol))
    return path


def clips(path, **options):
    return list(importer("tapvid").items(path, options))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
def test_davis_points_are_shares_of_the_frame(dtype, tmp_path):
    path = write(tmp_path / "tapvid_davis.pkl", {"goldfish": item(dtype=dtype), "camel": item()})
    for clip, name in zip(clips(path), ("goldfish", "camel"), strict=True):
        assert clip.id == name
        assert clip.tracks.size == (W, H)
        np.testing.assert_allclose(clip.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)
        np.testing.assert_array_equal(clip.tracks.visible, ~HIDDEN.T)
        np.testing.assert_array_equal(clip.video[0:T], FRAMES)


def test_a_point_is_laid_where_it_is_first_seen(tmp_path):
    hidden = np.zeros((N, T), bool)
    hidden[0, :2], hidden[1] = True, True
    (clip,) = clips(write(tmp_path / "x.pkl", [item(occluded=hidden)]))
    assert clip.tracks.query_frame.tolist() == [2, -1] + [0] * (N - 2)


def test_the_index_convention_is_stated(tmp_path):
    """Readers that multiply by (W - 1, H - 1) take integers for pixel centres."""
    points = (XY - 0.5) / (W - 1, H - 1)
    path = write(tmp_path / "x.pkl", [item(points, dtype=np.float64)])
    (clip,) = clips(path, points="index")
    np.testing.assert_allclose(clip.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)
    (raster,) = clips(path)
    assert np.abs(raster.tracks.xy - clip.tracks.xy).max() > 0.2


def test_rgb_stacking_is_a_list(tmp_path):
    path = write(tmp_path / "rgb_stacking.pkl", [item(), item()])
    assert [clip.id for clip in clips(path)] == ["rgb_stacking_00000", "rgb_stacking_00001"]
    assert clips(path, fps="10")[0].tracks.fps == 10


def test_robotap_is_a_zip_of_pickles(tmp_path):
    path = tmp_path / "robotap.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("robotap/README.txt", "about")
        for part in (0, 1):
            value = {"video_0": item(), f"video_{part + 1}": item(dtype=">f4")}
            archive.writestr(f"robotap/robotap_split{part}.pkl", pickle.dumps(value))
    found = clips(path)
    assert [c.id for c in found] == ["video_0", "video_1", "robotap_split1_video_0", "video_2"]
    for clip in found:
        np.testing.assert_allclose(clip.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_folder_of_pickles_of_any_protocol(protocol, tmp_path):
    write(tmp_path / "a.pkl", {"one": item()}, protocol)
    (clip,) = clips(tmp_path)
    np.testing.assert_allclose(clip.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)


def test_points_outside_the_frame_stay_where_they_are(tmp_path):
    points = XY / (W, H)
    points[0, 0] = (-0.02, 1.03)
    (clip,) = clips(write(tmp_path / "x.pkl", [item(points, dtype=np.float64)]))
    np.testing.assert_allclose(clip.tracks.xy[0, 0], (-0.02 * W, 1.03 * H), atol=1e-3)


def test_flags_of_numbers_are_flags(tmp_path):
    (clip,) = clips(write(tmp_path / "x.pkl", [item(occluded=HIDDEN.astype(">f4"))]))
    np.testing.assert_array_equal(clip.tracks.visible, ~HIDDEN.T)


JPEGS = np.array([cv2.imencode(".jpg", frame)[1].tobytes() for frame in FRAMES])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([item(XY)], "look like pixels"),
        ([item((XY / (W, H)).transpose(1, 0, 2))], r"expected points float \(N, 5, 2\)"),
        ([item(occluded=HIDDEN.T)], "expected occluded bool"),
        ([item(occluded=HIDDEN * 3)], "expected occluded bool"),
        ([item(video=FRAMES.astype(np.float32))], "expected video uint8"),
        ([item(video=JPEGS)], "--from tapvid-kinetics"),
        ([{"video": FRAMES, "points": XY}], "'occluded'"),
        ([FRAMES], "expected a dict with video"),
        ("text", "a dict or a list of clips"),
        ({"../../up": item()}, "plain relative name"),
    ],
)
def test_another_layout_is_refused(value, message, tmp_path):
    with pytest.raises(UserError, match=message):
        clips(write(tmp_path / "x.pkl", value))


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("where", ["pkl", "zip"])
def test_code_in_a_pickle_is_refused_by_name(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = {"goldfish": {**item(), "points": Harm()}}
    if where == "pkl":
        path = write(tmp_path / "x.pkl", value)
    else:
        path = tmp_path / "x.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.pkl", pickle.dumps(value))
    with pytest.raises(UserError, match=r"posix\.system"):
        clips(path)
    assert not (tmp_path / "harmed").exists()
