"""What bad video files get: one line, or what decodes and a warning."""

import numpy as np
import pytest
from clip_files import frame_number, write_clip

from kinecast.core.errors import UserError
from kinecast.io.video import open_video


def test_no_such_file(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*gone\.mp4"):
        open_video(tmp_path / "gone.mp4")


def test_empty_file(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(UserError, match=r"empty file \(0 bytes\)"):
        open_video(path)


@pytest.mark.parametrize("name", ["words.mp4", "words.txt", "words.avi", "words"])
def test_text_is_not_a_video(tmp_path, name):
    path = tmp_path / name
    path.write_text("these are words, and no frames\n" * 50)
    with pytest.raises(UserError, match="expected a video, got"):
        open_video(path)


def test_noise_is_not_a_video(tmp_path):
    path = tmp_path / "noise.mp4"
    path.write_bytes(bytes(np.random.default_rng(0).integers(0, 256, 9000, np.uint8)))
    with pytest.raises(UserError, match="expected a video, got"):
        open_video(path)


def test_an_image_that_is_not_one(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"expected an image .* got .*photo\.png"):
        open_video(path)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(UserError, match="expected a folder of images"):
        open_video(tmp_path)


def test_sound_alone_is_not_a_video(tmp_path):
    import av

    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(UserError, match="without a video stream"):
        open_video(path)


def _cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def test_a_truncated_mp4_without_its_index_is_a_clear_error(tmp_path):
    path = _cut(write_clip(tmp_path / "cut.mp4"), 0.5)
    with pytest.raises(UserError, match="its end or its header is missing"):
        open_video(path)


@pytest.mark.parametrize(
    ("name", "codec", "options", "container"),
    [
        ("cut.mp4", "libx264", {"g": "10"}, {"movflags": "+faststart"}),
        ("cut.webm", "libvpx-vp9", {"g": "10"}, {}),
        ("cut.avi", "mjpeg", {}, {}),
        ("cut_bframes.avi", "mpeg4", {"bf": "2", "b": "2M"}, {}),
    ],
)
def test_of_a_truncated_file_what_decodes_is_used_and_said(
    tmp_path, name, codec, options, container
):
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_clip(
        tmp_path / name, codec, frames=80, size=(128, 96), pix_fmt=pix_fmt,
        options=options, container=container,
    )  # fmt: skip
    video = open_video(_cut(path, 0.6))
    assert 10 < len(video) < 75
    frames = video[0 : len(video)]
    good = len(video) - 3  # the very last ones may be half a picture
    assert [frame_number(frame, t) for t, frame in enumerate(frames[:good])] == list(range(good))
    assert len(video.warnings) == 1
    assert "truncated or damaged" in video.warnings[0]
    assert f"{len(video)} frames" in video.warnings[0]


def test_damage_in_the_middle_keeps_the_count_and_every_read_agrees(tmp_path):
    path = write_clip(
        tmp_path / "hurt.mkv", "ffv1", size=(128, 96), options={"slicecrc": "1", "g": "1"}
    )
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    video = open_video(path)
    whole = video[0 : len(video)]
    assert 38 <= len(video) <= 40
    for start in (30, 18, 22, 5):
        np.testing.assert_array_equal(video[start : start + 4], whole[start : start + 4])


def test_reading_does_not_touch_the_file(tmp_path):
    path = write_clip(tmp_path / "clip.mp4")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    open_video(path)[0:40]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
