"""A folder of small raw videos, good and bad, for the tests of `prepare`."""

import os
import signal

import cv2
import numpy as np

from kinecast.data.prepare import Limits, Settings, prepare
from kinecast.data.prepare.videos import find_videos
from kinecast.io.video import write_video

SIZE = (112, 64)
SETTINGS = Settings(
    frames=8, size=SIZE, stride=16.0, tracker="lk", shard_clips=2, limits=Limits(max_enlarge=2.0)
)


def texture(seed, size=SIZE, low=20, high=235):
    """Smooth coloured noise (H, W, 3), wide enough to move about in."""
    W, H = size
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(low, high, (H // 4 + 1, W // 2 + 1, 3)).astype(np.float32)
    return cv2.resize(coarse, (2 * W, H), interpolation=cv2.INTER_CUBIC).clip(0, 255)


def moving(seed, count, step=1.0, size=SIZE, **options):
    """RGB frames of a texture that moves `step` pixels to the left a frame."""
    W, H = size
    image = texture(seed, size, **options)
    for t in range(count):
        shift = np.float32([[1, 0, -step * t], [0, 1, 0]])
        yield cv2.warpAffine(image, shift, (W, H), borderMode=cv2.BORDER_REFLECT).astype(np.uint8)


def write(path, *shots, size=SIZE):
    """An mp4 of shots, one after the other."""
    write_video(path, (frame for shot in shots for frame in shot), 24.0, size, crf=12)


def write_folder(folder, good=2):
    """Videos a, b, ... and one with cuts; an empty, a corrupt, a truncated and a still one."""
    folder.mkdir(parents=True)
    for k in range(good):
        write(folder / f"{chr(ord('a') + k)}.mp4", moving(k, 17))
    write(folder / "cuts.mp4", moving(20, 9), moving(21, 5), moving(22, 8))
    write(folder / "still.mp4", moving(30, 10, step=0.0))
    (folder / "empty.mp4").touch()
    (folder / "corrupt.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(range(256)) * 8)
    whole = (folder / "a.mp4").read_bytes()
    (folder / "truncated.mp4").write_bytes(whole[: 2 * len(whole) // 3])
    return folder


def contents(folder):
    """Path -> bytes of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def here(do, tasks):
    """Tasks one by one in this process."""
    cv2.setNumThreads(1)
    return map(do, tasks)


def run(videos, out, settings=SETTINGS, run=here, **options):
    return prepare(find_videos([videos], **options), out, settings, run, lambda *_: None)


class Kills:
    """Ends this process at the n-th renaming of a file, before or after it."""

    def __init__(self, n, after):
        self.left, self.after, self.real = n, after, os.replace
        os.replace = self

    def __call__(self, source, target):
        self.left -= 1
        if self.left == 0 and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        self.real(source, target)
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killed_run(n, after, videos, out):
    Kills(n, after)
    run(videos, out)
