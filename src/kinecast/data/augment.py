"""Augmentation of clips: video and tracks together, exact to the pixel.

Pure functions Clip -> Clip; the video stays lazy. What is under a point stays under it: a flipped,
cropped, reversed or faster clip is what a camera with perfect tracks would have given. Strengths
are drawn by the caller, or by the functions named `random_...` from an explicit generator.

A tracker's errors and smooth time-warps are for simulated tracks without pictures, in batches, on
the training device: data/synth/augment.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from kinecast.core.clip import Clip
from kinecast.core.coords import Size
from kinecast.core.errors import UserError
from kinecast.core.grid import Grid
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.io.reframed import Crop, cropped
from kinecast.io.selected import selected

GREY = 128  # of masked pixels
Box = tuple[int, int, int, int]  # x0, y0, x1, y1: pixels [x0, x1) x [y0, y1)


def window(clip: Clip, start: int, length: int, step: int = 1) -> Clip:
    """Frames start, start + step, ...: `length` of them. With a step, fps falls with it.

    Query frames that are not among them become -1.

    Raises:
        UserError: the clip is too short.
    """
    stop = start + (length - 1) * step + 1
    if length < 1 or step < 1 or not 0 <= start < stop <= len(clip.tracks):
        raise UserError(
            f"expected {length} frames from {start} in steps of {step} inside "
            f"{len(clip.tracks)}, got a window that leaves the clip {clip.id}"
        )
    if (start, stop, step) == (0, len(clip.tracks), 1):
        return clip
    fps = clip.tracks.fps and clip.tracks.fps / step
    return _at(clip, range(start, stop, step), fps)


def reverse(clip: Clip) -> Clip:
    """The clip played backwards."""
    return _at(clip, range(len(clip.tracks) - 1, -1, -1), clip.tracks.fps)


def faster(clip: Clip, factor: int) -> Clip:
    """Every factor-th frame at the same fps: everything moves `factor` times as fast.

    Whole factors only: a fraction would repeat frames, which no camera gives.

    Raises:
        UserError: factor < 1.
    """
    if factor < 1:
        raise UserError(f"expected a whole factor of 1 or more, got {factor}")
    return _at(clip, range(0, len(clip.tracks), factor), clip.tracks.fps)


def flip_x(clip: Clip) -> Clip:
    """Mirror left and right; a grid stays row-major from the upper left."""
    return _flip(clip, 0)


def flip_y(clip: Clip) -> Clip:
    """Mirror up and down; a grid stays row-major from the upper left."""
    return _flip(clip, 1)


def crop(clip: Clip, box: Box) -> Clip:
    """The part of the frame inside a box of whole pixels.

    Points outside it are not visible. Of a grid, the rows and columns laid inside the box remain;
    of scattered points, those that are ever visible in it.

    Raises:
        UserError: the box is empty or leaves the frame, or holds no point.
    """
    tracks = clip.tracks
    x0, y0, x1, y1 = box
    W, H = tracks.size
    if not (0 <= x0 < x1 <= W and 0 <= y0 < y1 <= H):
        raise UserError(f"expected a box inside {W}x{H} pixels, got {box}")
    size = (x1 - x0, y1 - y0)
    xy = tracks.xy - np.array([x0, y0], np.float32)
    moved = replace(tracks, xy=xy, size=size, grid=None)
    visible = tracks.visible & moved.inside()
    grid, keep = _grid_in(tracks.grid, box)
    if grid is None:
        keep = visible.any(0)
    if not keep.any() and tracks.count:
        raise UserError(f"expected points in the box {box} of clip {clip.id}, got none")
    part = _hide(moved, visible)
    video = clip.video and cropped(clip.video, Crop((x0, y0), size, size))
    return replace(clip, tracks=replace(_take(part, keep), grid=grid), video=video)


def mask(clip: Clip, box: Box, frames: range | None = None) -> Clip:
    """Paint a box grey in some frames (all by default): points under it are not visible there.

    Raises:
        UserError: the box is empty or leaves the frame.
    """
    tracks = clip.tracks
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= tracks.size[0] and 0 <= y0 < y1 <= tracks.size[1]):
        raise UserError(f"expected a box inside {tracks.size} pixels, got {box}")
    when = np.zeros(len(tracks), bool)
    when[list(range(len(tracks)) if frames is None else frames)] = True
    x, y = tracks.xy[..., 0], tracks.xy[..., 1]
    under = (x >= x0) & (x < x1) & (y >= y0) & (y < y1) & when[:, None]

    def paint(pictures: UInt8[np.ndarray, "t h w 3"], start: int) -> UInt8[np.ndarray, "t h w 3"]:
        painted = pictures.copy()
        painted[when[start : start + len(pictures)], y0:y1, x0:x1] = GREY
        return painted

    hidden = _hide(tracks, tracks.visible & ~under)
    return replace(clip, tracks=hidden, video=clip.video and _painted(clip.video, paint))


def points(clip: Clip, which: Sequence[int] | Int64[np.ndarray, " k"]) -> Clip:
    """Some points, in that order; they are no longer a grid."""
    tracks = replace(clip.tracks, grid=None)
    return replace(clip, tracks=_take(tracks, np.asarray(which, np.int64)))


def random_flips(clip: Clip, draw: np.random.Generator, chance: float = 0.5) -> Clip:
    """Mirror in x, and in y half as often."""
    mirror_x, mirror_y = draw.random(2) < (chance, chance / 2)
    clip = flip_x(clip) if mirror_x else clip
    return flip_y(clip) if mirror_y else clip


def random_crop(clip: Clip, draw: np.random.Generator, size: Size) -> Clip:
    """A box of (W, H) pixels anywhere in the frame.

    Raises:
        UserError: it is larger than the frame, or holds no point.
    """
    W, H = clip.tracks.size
    if size[0] > W or size[1] > H:
        raise UserError(f"expected a crop inside {W}x{H} pixels, got {size}")
    x, y = (int(draw.integers(0, room + 1)) for room in (W - size[0], H - size[1]))
    return crop(clip, (x, y, x + size[0], y + size[1]))


def random_reverse(clip: Clip, draw: np.random.Generator, chance: float = 0.25) -> Clip:
    """Play backwards now and then."""
    return reverse(clip) if draw.random() < chance else clip


def random_mask(clip: Clip, draw: np.random.Generator, largest: float = 0.5) -> Clip:
    """Hide a box of up to `largest` of each side, for a run of frames of any length."""
    W, H = clip.tracks.size
    w, h = (max(1, int(side * largest * draw.random())) for side in (W, H))
    x, y = int(draw.integers(0, W - w + 1)), int(draw.integers(0, H - h + 1))
    first, last = sorted(draw.integers(0, len(clip.tracks), 2).tolist())
    return mask(clip, (x, y, x + w, y + h), range(first, last + 1))


def random_points(clip: Clip, draw: np.random.Generator, count: int) -> Clip:
    """`count` points, without replacement, or all where there are fewer."""
    count = min(count, clip.tracks.count)
    return points(clip, np.sort(draw.choice(clip.tracks.count, count, replace=False)))


def _at(clip: Clip, frames: range, fps: float | None) -> Clip:
    """The clip at frames of its own, in that order."""
    tracks = clip.tracks
    place = np.full(len(tracks) + 1, -1, np.int64)  # the last entry serves query frame -1
    place[list(frames)] = np.arange(len(frames))
    chosen = np.asarray(frames)
    confidence = tracks.confidence
    moved = replace(
        tracks,
        xy=tracks.xy[chosen],
        visible=tracks.visible[chosen],
        query_frame=place[tracks.query_frame],
        confidence=None if confidence is None else confidence[chosen],
        fps=fps,
    )
    return replace(clip, tracks=moved, video=clip.video and selected(clip.video, frames, fps))


def _flip(clip: Clip, axis: int) -> Clip:
    tracks = clip.tracks
    extent = np.float32(tracks.size[axis])
    xy = tracks.xy.copy()
    xy[..., axis] = extent - xy[..., axis]
    order, grid = np.arange(tracks.count), tracks.grid
    if grid is not None:
        order = np.flip(order.reshape(grid.h, grid.w), 1 - axis).ravel()
        cells = (grid.w, grid.h)[axis]
        origin = list(grid.origin)
        origin[axis] = tracks.size[axis] - (origin[axis] + grid.stride * (cells - 1))
        grid = replace(grid, origin=(origin[0], origin[1]))
    mirrored = _take(replace(tracks, xy=xy, grid=None), order)

    def paint(pictures: UInt8[np.ndarray, "t h w 3"], start: int) -> UInt8[np.ndarray, "t h w 3"]:
        return np.ascontiguousarray(np.flip(pictures, 2 - axis))

    video = clip.video and _painted(clip.video, paint)
    return replace(clip, tracks=replace(mirrored, grid=grid), video=video)


def _grid_in(grid: Grid | None, box: Box) -> tuple[Grid | None, Bool[np.ndarray, " n"]]:
    """The part of a grid that is laid inside a box, in the box's pixels, and which points it is."""
    if grid is None:
        return None, np.zeros(0, bool)
    laid = grid.points()
    columns = (laid[0, :, 0] >= box[0]) & (laid[0, :, 0] < box[2])
    rows = (laid[:, 0, 1] >= box[1]) & (laid[:, 0, 1] < box[3])
    keep = (rows[:, None] & columns).ravel()
    if not keep.any():
        return grid, keep
    x = grid.origin[0] + grid.stride * int(columns.argmax()) - box[0]
    y = grid.origin[1] + grid.stride * int(rows.argmax()) - box[1]
    return Grid(int(rows.sum()), int(columns.sum()), grid.stride, (x, y)), keep


def _hide(tracks: Tracks, visible: Bool[np.ndarray, "t n"]) -> Tracks:
    """The tracks with less visible; a point hidden where it was laid has no query frame."""
    query = tracks.query_frame
    laid = np.flatnonzero(query >= 0)
    query = query.copy()
    query[laid[~visible[query[laid], laid]]] = -1
    return replace(tracks, visible=visible, query_frame=query)


def _take(tracks: Tracks, which: np.ndarray) -> Tracks:
    confidence = tracks.confidence
    return replace(
        tracks,
        xy=np.ascontiguousarray(tracks.xy[:, which]),
        visible=np.ascontiguousarray(tracks.visible[:, which]),
        query_frame=tracks.query_frame[which],
        confidence=None if confidence is None else np.ascontiguousarray(confidence[:, which]),
    )


Paint = Callable[[UInt8[np.ndarray, "t h w 3"], int], UInt8[np.ndarray, "t h w 3"]]


class _Painted:
    """A video whose pictures pass through a function of them and the first one's frame."""

    def __init__(self, video: Video, paint: Paint) -> None:
        self._video, self._paint = video, paint
        self.size, self.fps = video.size, video.fps

    def __len__(self) -> int:
        return len(self._video)

    def read(self, start: int, stop: int) -> UInt8[np.ndarray, "t h w 3"]:
        """Frames [start, stop)."""
        return self._paint(self._video[start:stop], start)


def _painted(video: Video, paint: Paint) -> Video:
    return Video(_Painted(video, paint), video.name, video.warnings)
