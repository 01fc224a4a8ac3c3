import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data.importers import importer
from kinecast.io.video import write_video

T = 9
SIZE = (832, 480)


def laid(size=SIZE, whole=False):
    """The first frame: the top-left pixel of every (whole) cell of 32 pixels, row by row."""
    cut = 31 if whole else 0
    y, x = np.mgrid[0 : size[1] - cut : 32, 0 : size[0] - cut : 32]
    return np.stack([x.ravel(), y.ravel()], 1).astype(np.float64)


def moved(size=SIZE, seed=0, whole=False):
    """(N, T, 2): pixels whose integers are pixel centres."""
    start = laid(size, whole)
    steps = np.random.default_rng(seed).normal(0, 1.5, (len(start), T, 2)).cumsum(1)
    return start[:, None] + steps - steps[:, :1]


SEEN = np.random.default_rng(5).random((390, T)) < 0.8


def pair(folder, name="clip", size=SIZE, video=True, frames=T, **arrays):
    folder.mkdir(exist_ok=True)
    points = moved(size)
    default = {"trajectory": points.astype(np.float32), "visibility": SEEN[: len(points)]}
    np.savez(folder / f"{name}.npz", **(arrays or default))
    if video:
        picture = np.zeros((size[1], size[0], 3), np.uint8)
        write_video(folder / f"{name}.mp4", (picture for _ in range(frames)), 16.0, size)
    return folder


def clips(path, **options):
    return list(importer("trajloom").items(path, options))


def test_integers_are_pixel_centres(tmp_path):
    (clip,) = clips(pair(tmp_path))
    assert (clip.id, clip.tracks.size, clip.tracks.fps) == ("clip", SIZE, 16.0)
    np.testing.assert_allclose(clip.tracks.xy, moved().transpose(1, 0, 2) + 0.5, atol=1e-3)
    np.testing.assert_array_equal(clip.tracks.visible, SEEN.T)
    np.testing.assert_array_equal(clip.tracks.query_frame, np.where(SEEN[:, 0], 0, -1))
    grid = clip.tracks.grid
    assert (grid.h, grid.w, grid.stride, grid.origin) == (15, 26, 32.0, (0.5, 0.5))


@pytest.mark.parametrize(("tracks", "flags"), [("trajectories", "visibilities"), ("tracks", "vis")])
@pytest.mark.parametrize("dtype", [">f4", "<f8", ">f8"])
def test_the_other_names_and_types(tracks, flags, dtype, tmp_path):
    arrays = {tracks: moved().astype(dtype), flags: SEEN.astype(np.uint8)}
    (clip,) = clips(pair(tmp_path, **arrays))
    np.testing.assert_allclose(clip.tracks.xy, moved().transpose(1, 0, 2) + 0.5, atol=1e-3)
    np.testing.assert_array_equal(clip.tracks.visible, SEEN.T)


@pytest.mark.parametrize(("whole", "shape"), [(False, (4, 6)), (True, (3, 5))])
def test_a_frame_of_another_size_has_its_own_grid(whole, shape, tmp_path):
    size = (176, 112)  # 5 x 3 cells, and a rest
    points = moved(size, whole=whole)
    (clip,) = clips(pair(tmp_path, size=size, tracks=points, vis=SEEN[: len(points)]))
    assert clip.tracks.size == size
    np.testing.assert_allclose(clip.tracks.xy, points.transpose(1, 0, 2) + 0.5, atol=1e-3)
    assert (clip.tracks.grid.h, clip.tracks.grid.w) == shape


def test_390_points_belong_to_832x480_whatever_the_video_is(tmp_path):
    pair(tmp_path, video=False)
    write_video(
        tmp_path / "clip.mp4", (np.zeros((60, 104, 3), np.uint8) for _ in range(T)), 16.0, (104, 60)
    )
    (clip,) = clips(tmp_path)
    assert clip.video.size == clip.tracks.size == SIZE
    assert clip.video[0:1].shape == (1, 480, 832, 3)
    np.testing.assert_allclose(clip.tracks.xy, moved().transpose(1, 0, 2) + 0.5, atol=1e-3)


def test_a_longer_video_is_cut_and_a_shorter_one_refused(tmp_path):
    small = (64, 96)
    (clip,) = clips(pair(tmp_path / "a", size=small, frames=T + 5))
    assert len(clip.video) == T
    with pytest.raises(UserError, match="expected 9 frames or more"):
        clips(pair(tmp_path / "b", size=small, frames=T - 1))


def test_captions_come_from_the_table(tmp_path):
    (tmp_path / "videos").mkdir()
    pair(tmp_path / "tracks", "one", size=(64, 96), video=False)
    pair(tmp_path / "tracks", "two", size=(64, 96), video=False)
    for name in ("one", "two"):
        pictures = (np.zeros((96, 64, 3), np.uint8) for _ in range(T))
        write_video(tmp_path / "videos" / f"{name}.mp4", pictures, 16.0, (64, 96))
    table = 'videoid,video_path,text\none,videos/one.mp4,a cat\nx,videos/two.mp4,"a dog, barks"\n'
    (tmp_path / "train.csv").write_text(table)
    found = {clip.id: clip.caption for clip in clips(tmp_path)}
    assert found == {"tracks/one": "a cat", "tracks/two": "a dog, barks"}


X2 = moved() / SIZE
WRONG = {
    "units=unit and order=xy": X2,
    "units=signed and order=xy": 2 * X2 - 1,
    "units=pixels and order=yx": moved()[..., ::-1],
    "units=unit and order=yx": X2[..., ::-1],
    "size=WxH": moved() * (256 / 832, 256 / 480),
}


@pytest.mark.parametrize("fits", WRONG)
def test_what_the_authors_loader_would_guess_is_refused_with_the_option(fits, tmp_path):
    pair(tmp_path, trajectory=WRONG[fits].astype(np.float32), visibility=SEEN)
    with pytest.raises(UserError, match=fits):
        clips(tmp_path)
    if "and" in fits:
        options = dict(part.split("=") for part in fits.split(" and "))
        (clip,) = clips(tmp_path, **options)
        np.testing.assert_allclose(clip.tracks.xy, moved().transpose(1, 0, 2) + 0.5, atol=1e-3)


def test_time_first_is_refused_until_it_is_stated(tmp_path):
    swapped = moved().transpose(1, 0, 2).astype(np.float32)
    pair(tmp_path, trajectory=swapped, visibility=SEEN.T)
    with pytest.raises(UserError, match="axes=tn"):
        clips(tmp_path)
    (clip,) = clips(tmp_path, axes="tn")
    np.testing.assert_allclose(clip.tracks.xy, swapped + 0.5, atol=1e-3)
    np.testing.assert_array_equal(clip.tracks.visible, SEEN.T)


def test_flags_under_another_name_must_be_explained(tmp_path):
    pair(tmp_path, trajectory=moved().astype(np.float32), occlusion=~SEEN)
    with pytest.raises(UserError, match="visibility=NAME"):
        clips(tmp_path)
    with pytest.raises(UserError, match=r"flag=visible\|occluded"):
        clips(tmp_path, visibility="occlusion")
    (clip,) = clips(tmp_path, visibility="occlusion", flag="occluded")
    np.testing.assert_array_equal(clip.tracks.visible, SEEN.T)
    (clip,) = clips(tmp_path, visibility="all")
    assert clip.tracks.visible.all()


def test_two_arrays_that_could_be_meant_are_refused(tmp_path):
    pair(tmp_path, trajectory=moved(), tracks=moved(seed=1), visibility=SEEN)
    with pytest.raises(UserError, match="tracks=NAME"):
        clips(tmp_path)
    (clip,) = clips(tmp_path, tracks="tracks")
    np.testing.assert_allclose(clip.tracks.xy, moved(seed=1).transpose(1, 0, 2) + 0.5, atol=1e-3)


def test_other_points_than_the_grid_must_be_stated(tmp_path):
    points = np.random.default_rng(0).uniform(100, 400, (7, T, 2))
    pair(tmp_path, trajectory=points, visibility=np.ones((7, T), bool))
    with pytest.raises(UserError, match="points=any"):
        clips(tmp_path)
    (clip,) = clips(tmp_path, points="any", size="832x480")
    np.testing.assert_allclose(clip.tracks.xy, points.transpose(1, 0, 2) + 0.5, atol=1e-3)
    assert clip.tracks.grid is None
    with pytest.raises(UserError, match=r"which belong to an 832x480 frame.*size=WxH"):
        clips(tmp_path, video="none")


def test_tracks_without_their_video_must_be_stated(tmp_path):
    pair(tmp_path, video=False)
    with pytest.raises(UserError, match="video=none"):
        clips(tmp_path)
    (clip,) = clips(tmp_path, video="none")
    assert clip.video is None
    assert clip.tracks.size == SIZE


def test_arrays_of_objects_are_refused(tmp_path):
    pair(tmp_path, trajectory=np.array([print], object), visibility=SEEN)
    with pytest.raises(UserError, match="only plain numbers"):
        clips(tmp_path)


def evaluation(folder, **changes):
    folder.mkdir(parents=True)
    future = (moved() + 3).transpose(1, 0, 2).astype(np.float32)
    arrays = {
        "query_xy": laid().astype(np.int64),
        "grid_idx": np.arange(390),
        "gt_tracks": future,
        "pred_tracks": future + 1,
        "gt_visibility": SEEN.T.astype(np.uint8),
        "pred_visibility": 1 - SEEN.T.astype(np.uint8),
        "pred_visibility_prob": np.full((T, 390), 0.25, np.float16),
    }
    for name, array in {**arrays, **changes}.items():
        np.save(folder / f"{name}.npy", array)
    return future


def test_the_evaluations_truth_and_forecast(tmp_path):
    future = evaluation(tmp_path / "out" / "a")
    evaluation(tmp_path / "out" / "b")
    read = importer("trajloom-eval").items
    truth, _ = read(tmp_path / "out", {})
    assert (truth.id, truth.tracks.size) == ("a", SIZE)
    np.testing.assert_allclose(truth.tracks.xy, future + 0.5, atol=1e-3)
    np.testing.assert_array_equal(truth.tracks.visible, SEEN.T)
    assert truth.tracks.grid.w == 26
    assert set(truth.tracks.query_frame.tolist()) == {-1}
    forecast, _ = read(tmp_path / "out", {"tracks": "pred"})
    np.testing.assert_allclose(forecast.tracks.xy, future + 1.5, atol=1e-3)
    np.testing.assert_array_equal(forecast.tracks.visible, ~SEEN.T)
    assert (forecast.tracks.confidence == 0.25).all()


def test_an_evaluation_with_other_shapes_is_refused(tmp_path):
    evaluation(tmp_path / "a", gt_visibility=SEEN.astype(np.uint8))
    with pytest.raises(UserError, match=r"visibility \(T, N\)"):
        list(importer("trajloom-eval").items(tmp_path))
