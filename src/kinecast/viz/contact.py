"""A contact sheet: many clips of tracks at a glance, one row a clip, time to the right."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Int64, UInt8

from kinecast.core import coords
from kinecast.core.coords import Size
from kinecast.core.tracks import Tracks
from kinecast.viz.colours import track_colours
from kinecast.viz.draw import draw_lines, draw_points, over, paste, text_layer

TILE_WIDTH = 300  # pixels
TAIL = 12  # frames behind each point
_BACKGROUND = (24, 26, 30)
_GAP = 6


def contact_sheet(
    clips: Sequence[Tracks],
    captions: Sequence[str],
    moments: int = 4,
    pictures: Sequence[UInt8[np.ndarray, "moments h w 3"]] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw each clip at `moments` frames spread over it, points with their tails.

    Points keep the colour of where they were laid; hidden points are hollow and have no tail.

    Args:
        clips: one or more, of one frame size.
        captions: a label for each row.
        moments: tiles of a row.
        pictures: the frames of each clip at `sheet_frames`, to draw on; None: a plain background.
    """
    rows = []
    for i, (tracks, caption) in enumerate(zip(clips, captions, strict=True)):
        colours = track_colours(tracks)
        tiles = [
            _tile(tracks, int(t), colours, None if pictures is None else pictures[i][k])
            for k, t in enumerate(sheet_frames(len(tracks), moments))
        ]
        label = text_layer(caption, 14)
        paste(tiles[0], label, 4, tiles[0].shape[0] - label.shape[0] - 4)
        rows.append(np.hstack([np.pad(tile, ((0, _GAP), (0, _GAP), (0, 0))) for tile in tiles]))
    return np.pad(np.vstack(rows), ((_GAP, 0), (_GAP, 0), (0, 0)))


def sheet_frames(length: int, moments: int = 4) -> Int64[np.ndarray, " moments"]:
    """The frames of a clip that a contact sheet shows."""
    return np.linspace(0, length - 1, moments).round().astype(np.int64)


def _tile(
    tracks: Tracks,
    t: int,
    colours: UInt8[np.ndarray, "n 3"],
    picture: UInt8[np.ndarray, "h w 3"] | None,
) -> UInt8[np.ndarray, "hh ww 3"]:
    size: Size = (TILE_WIDTH, max(1, round(TILE_WIDTH * tracks.size[1] / tracks.size[0])))
    begin = max(0, t - TAIL)
    xy = coords.resize(np.nan_to_num(tracks.xy[begin : t + 1]), tracks.size, size)
    seen = tracks.visible[begin : t + 1]
    layer = np.zeros((size[1], size[0], 4), np.uint8)
    for i in range(len(xy) - 1):
        alpha = (seen[i] & seen[i + 1]) * (0.15 + 0.75 * i / TAIL)
        draw_lines(layer, xy[i], xy[i + 1], colours, alpha)
    radius = np.full(tracks.count, 1.6)
    draw_points(layer, xy[-1], seen[-1], colours, np.where(seen[-1], 1.0, 0.45), radius)
    if picture is None:
        return over(layer, np.full((size[1], size[0], 3), _BACKGROUND, np.uint8))
    return over(layer, np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)))
