"""Videos written here: small, playable by anything, whole or absent."""

import resource
import subprocess
import sys

import av
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.io.video import open_video, write_video

COLOURS = [(230, 30, 30), (30, 200, 30), (40, 60, 220), (240, 200, 40), (120, 120, 120)]


def _stripes(width=100, height=48):
    image = np.zeros((height, width, 3), np.uint8)
    for i, colour in enumerate(COLOURS):
        image[:, i * width // 5 : (i + 1) * width // 5] = colour
    return image


def test_frames_rate_and_colours_survive(tmp_path):
    path = tmp_path / "new" / "out.mp4"
    write_video(path, iter([_stripes()] * 12), 30000 / 1001, (100, 48))
    video = open_video(path)
    assert (len(video), video.size) == (12, (100, 48))
    assert video.fps == pytest.approx(30000 / 1001)
    frame = video[6:7][0]
    for i, colour in enumerate(COLOURS):
        np.testing.assert_allclose(frame[24, 20 * i + 10].astype(int), colour, atol=8)


def test_the_stream_is_what_browsers_play(tmp_path):
    write_video(tmp_path / "out.mp4", iter([_stripes()] * 3), 25, (100, 48))
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace) == ("h264", "yuv420p", 1)
    assert (tmp_path / "out.mp4").read_bytes().index(b"moov") < 200  # it plays while it loads


@pytest.mark.parametrize("size", [(1, 1), (33, 17), (4097, 3)])
def test_odd_sizes_are_padded_to_even_ones(tmp_path, size):
    frame = np.full((size[1], size[0], 3), 200, np.uint8)
    write_video(tmp_path / "out.mp4", iter([frame] * 2), 25, size)
    video = open_video(tmp_path / "out.mp4")
    assert video.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert video[1:2][0, -1, -1].tolist() == pytest.approx([200] * 3, abs=4)


def test_another_suffix_says_what_to_use(tmp_path):
    with pytest.raises(UserError, match=r"ending in \.mp4, got .*out\.avi"):
        write_video(tmp_path / "out.avi", iter([_stripes()]), 25, (100, 48))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"the old one")

    def frames():
        yield _stripes()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(path, frames(), 25, (100, 48))
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


_FULL = """
import resource, signal, sys, numpy as np
from kinecast.core.errors import UserError
from kinecast.core.rng import generator
from kinecast.io.video import write_video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0)
frames = (noise.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(60))
try:
    write_video(sys.argv[1], frames, 25, (128, 96))
except UserError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_is_one_line_and_leaves_nothing(tmp_path):
    assert hasattr(resource, "RLIMIT_FSIZE")
    command = [sys.executable, "-c", _FULL, str(tmp_path / "out.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "cannot write" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_memory_is_flat_in_the_length_of_the_video(tmp_path):
    script = """
import resource, sys, numpy as np
from kinecast.io.video import open_video, write_video
def peak(n):
    frame = np.zeros((240, 320, 3), np.uint8)
    write_video(sys.argv[1], (frame for _ in range(n)), 25, (320, 240))
    for window in open_video(sys.argv[1]).windows(16):
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak(200), peak(1000))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "long.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    short, long = map(int, done.stdout.split())
    kilobytes = 1 if sys.platform != "darwin" else 1024
    assert (long - short) / kilobytes < 40_000  # 800 frames more are 184 MB of pixels
