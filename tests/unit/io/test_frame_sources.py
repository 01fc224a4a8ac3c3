import contextlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from av.filter import Graph

from kinecast.core.errors import UserError
from kinecast.core.video import ArraySource, Video
from kinecast.io.encoded import encoded_video
from kinecast.io.selected import at_rate, selected

W, H, T = 20, 12, 30
FRAMES = np.broadcast_to(np.arange(T, dtype=np.uint8)[:, None, None, None], (T, H, W, 3)).copy()


def numbers(video):
    """The number of the source's frame that each frame shows."""
    return [int(window[0, 0, 0, 0]) for window in video.windows(1)]


def video(fps=None):
    return Video(ArraySource(FRAMES, fps), "counting")


@pytest.mark.parametrize("frames", [range(3, 9), range(0, 30, 7), [5, 5, 2, 29], [0]])
def test_selected_frames_in_any_order(frames):
    picked = selected(video(), frames, 10.0)
    assert numbers(picked) == list(frames)
    assert (picked.fps, picked.size, len(picked)) == (10.0, (W, H), len(frames))
    np.testing.assert_array_equal(picked[1:4][:, 0, 0, 0], list(frames)[1:4])


@pytest.mark.parametrize("frames", [[], [-1], [0, 30]])
def test_frames_that_are_not_there_are_refused(frames):
    with pytest.raises(UserError, match=r"expected frames in \[0, 30\)"):
        selected(video(), frames, None)


def shown_by_ffmpeg(source, target):
    """What FFmpeg's own filter fps shows."""
    rate = Fraction(source)
    graph = Graph()
    start = graph.add(
        "buffer",
        f"video_size={W}x{H}:pix_fmt=gray:time_base={1 / rate}:frame_rate={rate}:pixel_aspect=1/1",
    )
    end = graph.add("buffersink")
    fps = graph.add("fps", f"fps={target}")
    start.link_to(fps)
    fps.link_to(end)
    graph.configure()
    for i, picture in enumerate(FRAMES[..., 0]):
        frame = av.VideoFrame.from_ndarray(picture, format="gray")
        frame.pts, frame.time_base, frame.duration = i, 1 / rate, 1
        start.push(frame)
    start.push(None)
    shown = []
    with contextlib.suppress(av.EOFError):
        while True:
            shown.append(int(end.pull().to_ndarray()[0, 0]))
    return shown


@pytest.mark.parametrize("source", [10.0, 12.5, 15.0, 24.0, 25.0, 30.0, 50.0, 60.0])
def test_another_rate_repeats_and_drops_frames(source):
    assert numbers(at_rate(video(source), 25.0)) == shown_by_ffmpeg(source, 25)


def test_a_video_without_a_rate_has_no_other(tmp_path):
    with pytest.raises(UserError, match="states its frame rate"):
        at_rate(video(), 25.0)


def pngs():
    return [cv2.imencode(".png", frame)[1].tobytes() for frame in FRAMES]


def test_encoded_frames_are_decoded_as_they_are_asked_for():
    one = encoded_video(pngs(), 12.0, "pngs")
    assert (len(one), one.size, one.fps) == (T, (W, H), 12.0)
    np.testing.assert_array_equal(one[7:9], FRAMES[7:9])
    np.testing.assert_array_equal(encoded_video(np.array(pngs()))[7:9], FRAMES[7:9])


def test_encoded_colours_are_rgb():
    red = np.zeros((H, W, 3), np.uint8)
    red[..., 2] = 200  # OpenCV writes blue, green, red
    assert encoded_video([cv2.imencode(".png", red)[1].tobytes()])[0:1][0, 0, 0].tolist() == [
        200,
        0,
        0,
    ]


def test_frames_that_are_no_pictures_are_named():
    with pytest.raises(UserError, match="got none in video"):
        encoded_video([])
    with pytest.raises(UserError, match="frame 0 of x"):
        encoded_video([b"not a picture"], name="x")
    damaged = [*pngs()[:2], b""]
    with pytest.raises(UserError, match="frame 2 of x"):
        encoded_video(damaged, name="x")[0:3]
    other = cv2.imencode(".png", FRAMES[0][:5])[1].tobytes()
    with pytest.raises(UserError, match="got 20x5 in frame 1"):
        encoded_video([pngs()[0], other])[0:2]
