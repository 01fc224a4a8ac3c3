"""Any readable video: the right frames, however they are asked for."""

import numpy as np
import pytest
from clip_files import frame_number, shade, write_clip

from kinecast.core.errors import UserError
from kinecast.io.image import write_image
from kinecast.io.video import open_video

CASES = {
    "h264.mp4": ("libx264", "yuv420p", {"g": "12", "bf": "3"}),
    "open_gop.mp4": ("libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=12:bframes=3"}),
    "hevc10.mp4": ("libx265", "yuv420p10le", {"x265-params": "log-level=none:keyint=10"}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"g": "12"}),
    "vp8_hidden.webm": ("libvpx", "yuv420p", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    "vp9_alpha.webm": ("libvpx-vp9", "yuva420p", {}),
    "mpeg4_bframes.avi": ("mpeg4", "yuv420p", {"bf": "2", "b": "900k"}),
    "h264.avi": ("libx264", "yuv420p", {"g": "12"}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "prores_alpha.mov": ("prores_ks", "yuva444p10le", {}),
    "animation.gif": ("gif", "rgb8", {}),
    "mpeg1.mpg": ("mpeg1video", "yuv420p", {"b": "900k"}),
    "grey.mkv": ("ffv1", "gray", {}),
    "grey10.mkv": ("ffv1", "gray10le", {}),
    "stream.ts": ("libx264", "yuv420p", {"g": "12"}),
}


@pytest.mark.parametrize("name", CASES)
def test_every_container_gives_its_frames_in_order_and_at_random(tmp_path, name):
    codec, pix_fmt, options = CASES[name]
    path = write_clip(tmp_path / name, codec, pix_fmt=pix_fmt, options=options)
    video = open_video(path)
    assert (len(video), video.size, video.warnings) == (40, (64, 48), [])
    assert video.fps == pytest.approx(25, rel=0.01)
    whole = video[0:40]
    assert whole.shape == (40, 48, 64, 3)
    assert whole.dtype == np.uint8
    assert [frame_number(frame, t) for t, frame in enumerate(whole)] == list(range(40))
    for start, stop in [(30, 33), (5, 9), (39, 40), (0, 1), (12, 13), (11, 30), (29, 34)]:
        np.testing.assert_array_equal(video[start:stop], whole[start:stop])


def test_windows_cover_the_video_once_and_slices_clip_like_lists(tmp_path):
    video = open_video(write_clip(tmp_path / "clip.mp4", frames=23))
    lengths = [len(window) for window in video.windows(7)]
    assert lengths == [7, 7, 7, 2]
    assert len(video[20:99]) == 3
    assert video[5:5].shape == (0, 48, 64, 3)
    assert len(video[-2:]) == 2
    with pytest.raises(UserError, match="step 1, got step 2"):
        video[::2]


def test_windows_in_order_never_seek(tmp_path, monkeypatch):
    video = open_video(write_clip(tmp_path / "clip.mp4", frames=40, options={"g": "8"}))
    video[0:8]
    moves = []
    seek = video._source._seek
    monkeypatch.setattr(video._source, "_seek", lambda time: (moves.append(time), seek(time)))
    for start in range(5, 40, 5):  # overlapping, as trackers read
        video[start : start + 8]
    assert moves == []
    video._source._recent.clear()
    video[0:1]
    assert len(moves) == 1


def test_few_frames_are_kept_where_they_are_large(tmp_path):
    path = write_clip(
        tmp_path / "large.avi", "mjpeg", size=(1600, 1200), pix_fmt="yuvj420p", frames=8
    )
    video = open_video(path)
    video[0:8]
    assert len(video._source._recent) == 5  # of 5.8 MB each


def test_variable_frame_rate_counts_frames_and_averages_the_rate(tmp_path):
    times = [0, 1, 2, 10, 11, 30, 31, 32, 60, 99]
    video = open_video(write_clip(tmp_path / "vfr.mp4", frames=10, times=times))
    assert len(video) == 10
    assert [frame_number(frame, t) for t, frame in enumerate(video[0:10])] == list(range(10))
    assert video.fps == pytest.approx(9 / (99 / 25), rel=0.15)


@pytest.mark.parametrize(
    ("turn", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))]
)
def test_rotation_metadata_is_applied(tmp_path, turn, corner):
    video = open_video(write_clip(tmp_path / "turned.mp4", frames=5, turn=turn))
    assert video.size == ((64, 48) if turn % 180 == 0 else (48, 64))
    frame = video[2:3][0]
    assert frame.shape == (video.size[1], video.size[0], 3)
    red = (frame[..., 0].astype(int) - frame[..., 1]) > 80
    rows, columns = np.nonzero(red)
    assert (rows.mean() > frame.shape[0] / 2, columns.mean() > frame.shape[1] / 2) == (
        corner[0] == -1,
        corner[1] == -1,
    )


@pytest.mark.parametrize("size", [(1, 1), (4097, 3), (3, 257), (5, 7)])
def test_odd_sizes(tmp_path, size):
    video = open_video(
        write_clip(tmp_path / "odd.mkv", "ffv1", pix_fmt="bgr0", size=size, frames=3)
    )
    assert video.size == size
    assert video[0:3].shape == (3, size[1], size[0], 3)
    assert int(video[1:2][0, -1, -1, 0]) == pytest.approx(shade(1), abs=1)


def test_a_folder_of_images_in_natural_order(tmp_path):
    for t in (10, 9, 1, 2):
        write_image(tmp_path / f"frame{t}.png", np.full((4, 6, 3), t, np.uint8))
    (tmp_path / "notes.txt").write_text("not a frame")
    video = open_video(tmp_path)
    assert (len(video), video.size, video.fps) == (4, (6, 4), None)
    assert video[0:4][:, 0, 0, 0].tolist() == [1, 2, 9, 10]


def test_one_image_is_a_video_of_one_frame(tmp_path):
    write_image(tmp_path / "photo.png", np.full((4, 6, 3), 9, np.uint8))
    assert len(open_video(tmp_path / "photo.png")) == 1


def test_images_of_two_sizes_say_which(tmp_path):
    write_image(tmp_path / "1.png", np.zeros((4, 6, 3), np.uint8))
    write_image(tmp_path / "2.png", np.zeros((4, 8, 3), np.uint8))
    with pytest.raises(UserError, match=r"6x4 like 1\.png, got 8x4: .*2\.png"):
        open_video(tmp_path)[0:2]
