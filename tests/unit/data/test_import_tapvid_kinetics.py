import pickle

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.data.importers import importer
from kinecast.io.video import write_video

T, H, W, N = 6, 48, 80, 4
XY = np.random.default_rng(0).uniform(0.5, [W - 0.5, H - 0.5], (N, T, 2))  # the truth, in pixels
HIDDEN = np.random.default_rng(1).random((N, T)) < 0.3
SMOOTH = cv2.resize(np.random.default_rng(2).integers(0, 255, (6, 10, 3), np.uint8), (W, H))


def jpegs(kind):
    frames = [cv2.imencode(".jpg", np.roll(SMOOTH, t, 1))[1].tobytes() for t in range(T)]
    if kind == "object array":
        array = np.empty(T, object)
        array[:] = frames
        return array
    return frames if kind == "list" else np.array(frames)


def clips(path, **options):
    return list(importer("tapvid-kinetics").items(path, options))


def shard(path, **changes):
    """As the builder writes it: x' = (x * W - 0.5) / W for x in [0, 1]."""
    stored = (XY / (W, H) * (W, H) - 0.5) / (W, H)
    item = {"video": jpegs("array"), "points": stored, "occluded": HIDDEN, **changes}
    path.write_bytes(pickle.dumps([item, item]))
    return path


@pytest.mark.parametrize("kind", ["array", "object array", "list"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4"])
def test_the_builders_half_pixel_is_given_back(kind, dtype, tmp_path):
    stored = ((XY - 0.5) / (W, H)).astype(dtype)
    shard(tmp_path / "0003_of_0010.pkl", video=jpegs(kind), points=stored)
    first, second = clips(tmp_path)
    assert [first.id, second.id] == ["0003_of_0010_00000", "0003_of_0010_00001"]
    np.testing.assert_allclose(first.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)
    np.testing.assert_array_equal(first.tracks.visible, ~HIDDEN.T)
    assert first.tracks.fps == 25
    assert np.abs(first.video[0:1][0].astype(int) - SMOOTH[..., ::-1]).mean() < 10  # JPEG, as RGB


def test_the_shift_is_of_the_size_that_the_builder_read(tmp_path):
    """Frames stored at 80x48 of a 320x240 source: half a source pixel is less of them."""
    truth = XY * (320 / W, 240 / H)
    path = shard(tmp_path / "0000_of_0010.pkl", points=(truth - 0.5) / (320, 240))
    first, _ = clips(path, size="320x240")
    np.testing.assert_allclose(first.tracks.xy, XY.transpose(1, 0, 2), atol=1e-3)


def test_raw_frames_leave_it_open_and_are_refused(tmp_path):
    path = shard(tmp_path / "x.pkl", video=np.zeros((T, H, W, 3), np.uint8))
    with pytest.raises(UserError, match="--assume points=builder"):
        clips(path)
    np.testing.assert_allclose(
        clips(path, points="builder")[0].tracks.xy, XY.transpose(1, 0, 2), atol=1e-3
    )
    np.testing.assert_allclose(
        clips(path, points="raster")[0].tracks.xy, XY.transpose(1, 0, 2) - 0.5, atol=1e-3
    )


LONG = np.random.default_rng(3).uniform(0, [W, H], (3, 250, 2))  # pixels
LONG_HIDDEN = np.random.default_rng(4).random((3, 250)) < 0.5


def row(video, start, end, n):
    flat = np.concatenate([LONG[n] / (W, H), LONG_HIDDEN[n][:, None]], 1).ravel()
    return ",".join([video, start, end, *(f"{v:.9g}" for v in flat)]) + "\n"


def table(folder, rows):
    path = folder / "tapvid_kinetics.csv"
    path.write_text("".join(rows))
    return path


def clip_file(path, frames, fps=25.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.full((H, W, 3), t % 250, np.uint8) for t in range(frames)), fps, (W, H))


def test_the_csv_has_no_shift_and_short_clips_cut_tracks(tmp_path):
    rows = [row("ab_-1", "10", "20", 0), row("other", "5", "15", 1), row("ab_-1", "10", "20", 2)]
    path = table(tmp_path, rows)
    clip_file(tmp_path / "val" / "some" / "ab_-1_000010_000020.mp4", 40)
    clip_file(tmp_path / "other_000005_000015.mp4", 260)
    first, second = clips(path)
    assert [first.id, second.id] == ["ab_-1_000010_000020", "other_000005_000015"]
    assert first.tracks.xy.shape == (40, 2, 2)
    assert second.tracks.xy.shape == (250, 1, 2)
    np.testing.assert_allclose(first.tracks.xy, LONG[[0, 2], :40].transpose(1, 0, 2), atol=1e-3)
    np.testing.assert_array_equal(first.tracks.visible, ~LONG_HIDDEN[[0, 2], :40].T)
    np.testing.assert_allclose(second.tracks.xy, LONG[[1]].transpose(1, 0, 2), atol=1e-3)
    assert [clip.id for clip in clips(tmp_path)] == [first.id, second.id]


def test_clips_of_another_rate_are_shown_at_25(tmp_path):
    path = table(tmp_path, [row("x", "0", "10", 0)])
    clip_file(tmp_path / "x_000000_000010.mp4", 60, fps=50.0)
    (clip,) = clips(path)
    assert (len(clip.video), clip.video.fps) == (30, 25.0)
    shown = clip.video[0:30].mean((1, 2, 3))
    assert np.abs(shown - np.arange(0, 60, 2)).max() <= 2  # each second frame, as the tracks expect


def test_a_clip_that_is_not_there(tmp_path):
    path = table(tmp_path, [row("x", "0", "10", 0), row("y", "0", "10", 1)])
    clip_file(tmp_path / "y_000000_000010.mp4", 20)
    with pytest.raises(UserError, match="missing=skip"):
        clips(path)
    assert [clip.id for clip in clips(path, missing="skip")] == ["y_000000_000010"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../up,0,10,0.5\n", "youtube_id, start, end"),
        ("x,0,ten,0.5\n", "youtube_id, start, end"),
        ("x,0,10,0.5,0.5,0\n", "753 columns"),
        (row("x", "0", "10", 0).replace(",0\n", ",2\n").replace(",1\n", ",2\n"), "not 0 or 1"),
        ("", "got none"),
    ],
)
def test_another_table_is_refused(line, message, tmp_path):
    clip_file(tmp_path / "x_000000_000010.mp4", 20)
    with pytest.raises(UserError, match=message):
        clips(table(tmp_path, [line]))


def test_csv_and_pickles_are_never_mixed(tmp_path):
    table(tmp_path, [row("x", "0", "10", 0)])
    shard(tmp_path / "0000_of_0010.pkl")
    with pytest.raises(UserError, match="name one of them"):
        clips(tmp_path)
