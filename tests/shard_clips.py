"""Clips for the tests of shards: drawn at random, and one whose pixels tell where points are."""

import numpy as np

from kinecast.core.clip import Clip
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import ArraySource, Video

SIZE = (80, 48)


def random_clip(seed: int = 0, frames: int = 12, pictures: bool = True, **changes) -> Clip:
    """Scattered points that wander, some hidden and nowhere, over pictures of smooth noise."""
    draw = np.random.default_rng(seed)
    points = changes.pop("points", 7)
    xy = draw.uniform(5, 43, (1, points, 2)) + draw.normal(0, 2, (frames, points, 2)).cumsum(0)
    visible = draw.random((frames, points)) < 0.8
    visible[0] = True
    xy[~visible & (draw.random((frames, points)) < 0.3)] = np.nan
    tracks = Tracks(
        xy=xy.astype(np.float32),
        visible=visible,
        size=SIZE,
        query_frame=np.zeros(points, np.int64),
        confidence=draw.random((frames, points)).astype(np.float32),
        fps=12.0,
        source={"tracker": "test", "seed": seed},
    )
    video = None
    if pictures:
        coarse = draw.integers(0, 256, (frames, 6, 10, 3), dtype=np.uint8)
        video = Video(ArraySource(coarse.repeat(8, 1).repeat(8, 2), 12.0), f"noise {seed}")
    return Clip(**{"tracks": tracks, "video": video, "id": f"clip-{seed}"} | changes)


def coloured_clip(frames: int = 10) -> Clip:
    """A grid of points on coloured squares that move apart: each point sits on its own colour.

    The red and green channels of a pixel are the number of the point there + 1, in blue and green
    none; 0 where there is none. Points are hidden where they leave the frame.
    """
    W, H = SIZE
    grid = Grid.over(SIZE, 16.0)
    start = grid.points().reshape(-1, 2)
    speed = np.random.default_rng(3).integers(-2, 3, start.shape)
    xy = start + speed * np.arange(frames)[:, None, None]
    pictures = np.zeros((frames, H, W, 3), np.uint8)
    for t in range(frames):
        for n, (x, y) in enumerate(xy[t].astype(int)):
            pictures[t, max(0, y - 1) : max(0, y + 2), max(0, x - 1) : max(0, x + 2)] = n + 1
    inside = (xy >= 0).all(-1) & (xy < SIZE).all(-1)
    rows, columns = (np.where(inside, xy[..., i], 0).astype(int) for i in (1, 0))
    seen = pictures[np.arange(frames)[:, None], rows, columns, 0] == np.arange(grid.count) + 1
    visible = inside & seen
    tracks = Tracks(
        xy=xy.astype(np.float32),
        visible=visible,
        size=SIZE,
        query_frame=np.where(visible[0], 0, -1),
        fps=10.0,
        grid=grid,
    )
    return Clip(tracks, Video(ArraySource(pictures, 10.0)), id="coloured")


def numbers_under(clip: Clip) -> np.ndarray:
    """The number in the picture under each visible point, -1 where hidden; (T, N)."""
    tracks, frames = clip.tracks, clip.video[:]
    found = np.full(tracks.visible.shape, -1)
    for t, n in np.argwhere(tracks.visible):
        x, y = tracks.xy[t, n]
        # an edge-aligned position on the border of two pixels may fall to either after a flip
        found[t, n] = frames[t, int(np.floor(y)), int(np.floor(x)), 0]
    return found


def assert_same(clip: Clip, other: Clip, exact: bool = True) -> None:
    """Tracks equal, to the bit or within the error of a shard."""
    a, b = clip.tracks, other.tracks
    assert (clip.id, clip.caption) == (other.id, other.caption)
    assert (a.size, a.fps, a.grid, dict(a.source)) == (b.size, b.fps, b.grid, dict(b.source))
    np.testing.assert_array_equal(a.visible, b.visible)
    np.testing.assert_array_equal(a.query_frame, b.query_frame)
    if exact:
        np.testing.assert_array_equal(a.xy, b.xy)
        assert (a.confidence is None) == (b.confidence is None)
        if a.confidence is not None:
            np.testing.assert_array_equal(a.confidence, b.confidence)
