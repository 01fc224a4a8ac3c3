import json
from typing import ClassVar

import cv2
import numpy as np
import pytest

from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.video import ArraySource, Video
from kinecast.data.layers import layered_clip
from kinecast.data.trackers import TRACKERS, get_tracker
from kinecast.data.trackers.frames import WINDOW_BYTES, WINDOW_FRAMES, stream, working_size
from kinecast.metrics.tapvid import score

EVERY = sorted(TRACKERS)


def _texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    spread = (smooth - smooth.mean()) / smooth.std()
    return np.clip(128 + 45 * spread, 0, 255).astype(np.uint8)


def _panning(frames: int, size: tuple[int, int], step: tuple[int, int]) -> Video:
    """A camera that pans over a still picture: every point moves by -step a frame."""
    W, H = size
    dx, dy = step
    picture = _texture(H + abs(dy) * frames, W + abs(dx) * frames)
    views = [picture[dy * t : dy * t + H, dx * t : dx * t + W] for t in range(frames)]
    return Video(ArraySource(np.stack(views), fps=24.0), "pan")


@pytest.mark.parametrize("name", EVERY)
def test_a_pan_is_followed(name):
    video = _panning(8, (192, 112), (3, 1))
    tracks = get_tracker(name).track(video, grid=Grid.over(video.size, 16.0))
    expected = tracks.xy[0] - np.arange(8)[:, None, None] * np.float32([3, 1])
    inside = ((expected > 6) & (expected < np.float32(video.size) - 6)).all(-1)
    assert np.abs(tracks.xy - expected)[inside].max() < 0.6
    assert tracks.visible[inside].mean() > 0.99
    gone = ((expected < -1) | (expected > np.float32(video.size) + 1)).any(-1)
    assert gone.any()
    assert not tracks.visible[gone].any()
    assert np.isfinite(tracks.xy).all()


@pytest.mark.parametrize("texture", [0, 1])
def test_a_still_camera_sees_still_points(texture):
    picture = _texture(96, 160) if texture else np.full((96, 160, 3), 120, np.uint8)
    noise = np.random.default_rng(0).normal(0, 2, (10, 96, 160, 3))
    frames = np.clip(picture + noise, 0, 255).astype(np.uint8)
    tracks = get_tracker().track(Video(ArraySource(frames)), grid=Grid.over((160, 96), 16.0))
    assert tracks.visible.all()
    assert np.abs(tracks.xy - tracks.xy[0]).max() < 0.3


@pytest.mark.parametrize("name", EVERY)
def test_scaled_frames_give_pixels_of_the_source(name):
    video = _panning(3, (1200, 640), (16, 8))
    assert working_size(video.size) == (877, 468)
    tracks = get_tracker(name).track(video, grid=Grid(2, 3, 200.0, (300.0, 200.0)))
    expected = tracks.xy[0] - np.arange(3)[:, None, None] * np.float32([16, 8])
    assert np.abs(tracks.xy - expected).max() < 1
    assert tracks.size == (1200, 640)


@pytest.mark.parametrize(("reference", "at"), [("first", 2), ("last", 6), (4, 4)])
@pytest.mark.parametrize("name", EVERY)
def test_points_are_exact_on_the_frame_they_are_laid_on(name, reference, at):
    video = _panning(9, (96, 64), (1, 0))
    done = []
    tracks = get_tracker(name).track(
        video, reference=reference, start=2, stop=7, progress=lambda *step: done.append(step)
    )
    assert len(tracks) == 5
    assert (tracks.query_frame == at - 2).all()
    assert (tracks.xy[at - 2] == tracks.grid.points().reshape(-1, 2)).all()
    assert tracks.visible[at - 2].all()
    assert (tracks.confidence[at - 2] == 1).all()
    assert done == [(i, 5) for i in range(2, 6)]
    assert tracks.source["tracker"] == name
    assert tracks.source["reference"] == at
    json.dumps(tracks.source)


def test_backwards_is_forwards_on_the_reversed_video():
    frames = layered_clip("affine", 0, frames=7, size=(160, 96)).video[0:7]
    grid = Grid.over((160, 96), 16.0)
    video, mirror = Video(ArraySource(frames)), Video(ArraySource(frames[::-1].copy()))
    last = get_tracker().track(video, grid=grid, reference="last")
    first = get_tracker().track(mirror, grid=grid)
    assert (last.xy == first.xy[::-1]).all()
    assert (last.visible == first.visible[::-1]).all()
    inner = get_tracker().track(video, grid=grid, reference=3)
    later = get_tracker().track(video, grid=grid, start=3)
    assert (inner.xy[3:] == later.xy).all()  # both ways: neither way knows of the other


@pytest.mark.parametrize("name", EVERY)
def test_a_second_run_is_bit_equal_and_leaves_opencv_alone(name):
    threads = cv2.getNumThreads()
    video = layered_clip("noise", 0, frames=6, size=(160, 96)).video
    a, b = (get_tracker(name).track(video) for _ in range(2))
    assert (a.xy == b.xy).all()
    assert (a.visible == b.visible).all()
    assert (a.confidence == b.confidence).all()
    assert cv2.getNumThreads() == threads


@pytest.mark.parametrize("size", [(1, 1), (97, 3), (3, 61), (33, 35)])
@pytest.mark.parametrize("name", EVERY)
def test_odd_frames(name, size):
    frames = np.random.default_rng(0).integers(0, 256, (3, size[1], size[0], 3), np.uint8)
    tracks = get_tracker(name).track(Video(ArraySource(frames)))
    assert tracks.xy.shape == (3, Grid.over(size).count, 2)
    assert np.isfinite(tracks.xy).all()


def test_one_frame_is_the_grid():
    video = _panning(1, (64, 48), (0, 0))
    tracks = get_tracker().track(video)
    assert len(tracks) == 1
    assert tracks.visible.all()


def test_points_come_back_from_behind_an_obstacle():
    # A post sweeps over a textured wall: each point is hidden for about 12 frames.
    wall, post = _texture(96, 160), _texture(96, 24, seed=7) // 2 + 100
    frames = np.repeat(wall[None], 40, axis=0)
    for t in range(40):
        left = 5 * t - 30
        a, b = max(left, 0), min(left + 24, 160)
        if b > a:
            frames[t, :, a:b] = post[:, a - left : b - left]
    tracks = get_tracker().track(Video(ArraySource(frames)), grid=Grid.over((160, 96), 16.0))
    assert tracks.visible[-1].all()
    assert np.abs(tracks.xy[-1] - tracks.xy[0]).max() < 0.5
    x = tracks.xy[0, :, 0]
    for t in range(8, 36):
        left = 5 * t - 30
        behind = (x > left + 6) & (x < left + 18)
        assert not tracks.visible[t, behind].any()
    assert np.abs(tracks.xy - tracks.xy[0]).max() < 3  # hidden, but not carried away


def _ball_and_shadow(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A plain red ball and its shadow move over a soft floor; and where the ball is."""
    floor = 165 + 0.15 * (_texture(96, 160).astype(float) - 128)
    y, x = np.mgrid[:96, :160] + 0.5
    pictures, middles = [], []
    for t in range(frames):
        cx, cy = 40 + 7 * t, 40.0
        picture = floor.copy()
        picture[np.hypot(x - cx + 8, (y - cy - 40) * 2) < 14] *= 0.6
        red = np.hypot(x - cx, y - cy) < 22
        light = 1 - 0.4 * np.hypot(x - cx + 6, y - cy + 6) / 22
        picture[red] = light[red, None] * np.array([190, 40, 40])
        pictures.append(picture)
        middles.append((cx, cy))
    noise = np.random.default_rng(0).normal(0, 1, (frames, 96, 160, 3))
    return np.clip(np.stack(pictures) + noise, 0, 255).astype(np.uint8), np.float32(middles)


def test_plain_things_move_as_one_and_shadows_carry_nothing_away():
    frames, ball = _ball_and_shadow(8)
    tracks = get_tracker().track(Video(ArraySource(frames)), grid=Grid.over((160, 96), 8.0))
    start = tracks.xy[0]
    on = np.linalg.norm(start - ball[0], axis=-1) < 19
    moved = start[on] + (ball - ball[0])[:, None]
    assert (np.linalg.norm(tracks.xy[:, on] - moved, axis=-1) < 4).mean() > 0.85
    assert tracks.visible[:, on].mean() > 0.85
    floor = np.linalg.norm(start - ball[0], axis=-1) > 24
    assert (np.linalg.norm(tracks.xy - start, axis=-1)[:, floor] < 1).mean() > 0.98
    covered = np.linalg.norm(start - ball[:, None], axis=-1) < 26
    assert tracks.visible[:, floor][~covered[:, floor]].mean() > 0.98
    inside = np.linalg.norm(start - ball[:, None], axis=-1) < 18
    assert tracks.visible[:, floor][inside[:, floor]].mean() < 0.1


def test_the_number_of_threads_changes_no_bit():
    video = layered_clip("occlusion", 3, frames=8, size=(160, 96)).video
    before, runs = cv2.getNumThreads(), []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            runs.append(get_tracker().track(video))
    finally:
        cv2.setNumThreads(before)
    assert runs[0].xy.tobytes() == runs[1].xy.tobytes()
    assert runs[0].confidence.tobytes() == runs[1].confidence.tobytes()


def test_the_default_tracker_beats_plain_chained_flow():
    clip = layered_clip("occlusion", 1, frames=20, size=(216, 120))
    ours, chain = (score(get_tracker(n).track(clip.video), clip.tracks) for n in ("flow", "chain"))
    assert ours["average_jaccard"] > chain["average_jaccard"] + 0.1
    assert ours["occlusion_accuracy"] > chain["occlusion_accuracy"]


class _Recorder:
    """A source of blank frames that notes what is read."""

    fps: ClassVar[float] = 24.0

    def __init__(self, length: int, size: tuple[int, int]) -> None:
        self.size, self._length, self.read_windows = size, length, []

    def __len__(self) -> int:
        return self._length

    def read(self, start: int, stop: int) -> np.ndarray:
        self.read_windows.append((start, stop))
        return np.zeros((stop - start, self.size[1], self.size[0], 3), np.uint8)


@pytest.mark.parametrize("order", [range(0, 300), range(299, -1, -1), range(50, 20, -1)])
def test_frames_are_streamed_in_windows_each_read_once(order):
    source = _Recorder(300, (40, 24))
    assert sum(1 for _ in stream(Video(source), order)) == len(order)
    lengths = [b - a for a, b in source.read_windows]
    assert max(lengths) <= WINDOW_FRAMES
    assert sum(lengths) == len(order)


def test_windows_of_large_frames_are_bounded_in_bytes():
    source = _Recorder(20, (3840, 2160))
    for frame in stream(Video(source), range(12)):
        assert frame.shape[0] * frame.shape[1] < 420_000
    assert max(b - a for a, b in source.read_windows) * 3840 * 2160 * 3 <= WINDOW_BYTES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 3, "stop": 3}, "start < stop <= 5 frames"),
        ({"stop": 6}, "start < stop <= 5 frames"),
        ({"reference": 5}, r"a frame in \[0, 5\)"),
        ({"reference": "middle"}, "got 'middle'"),
        ({"grid": Grid(2, 2, 40.0, (20.0, 20.0))}, "inside the 48x32 frame"),
    ],
)
@pytest.mark.parametrize("name", EVERY)
def test_impossible_requests_are_refused(name, options, message):
    with pytest.raises(UserError, match=message):
        get_tracker(name).track(_panning(5, (48, 32), (0, 0)), **options)


def test_unknown_trackers_are_refused():
    with pytest.raises(
        UserError, match=r"of alltracker, chain, cotracker, flow, lk, .* got 'raft'"
    ):
        get_tracker("raft")
