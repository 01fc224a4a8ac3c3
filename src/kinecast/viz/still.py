"""A still of a forecast."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from kinecast.core.cond import Pokes
from kinecast.core.tracks import Tracks
from kinecast.core.video import Video
from kinecast.io.image import write_image
from kinecast.viz.colours import track_colours
from kinecast.viz.draw import dim, draw_arrows, draw_lines, draw_points, over
from kinecast.viz.panel import Panel, prominence
from kinecast.viz.render import mean_future

NO_POKES = Pokes.of()
_FINER = 2  # drawn larger and shrunk, for thin smooth lines


def render_still(
    path: str | Path,
    video: Video,
    history: Tracks,
    futures: Sequence[Tracks],
    at: int,
    pokes: Pokes = NO_POKES,
) -> None:
    """Write forecast.png: see `still`.

    Args:
        path: the file, ending in .png.
        video, history, futures, at, pokes: as `still` takes them.

    Raises:
        UserError: as `still`; or the file cannot be written.
    """
    write_image(path, still(video, history, futures, at, pokes))


def still(
    video: Video,
    history: Tracks,
    futures: Sequence[Tracks],
    at: int,
    pokes: Pokes = NO_POKES,
) -> UInt8[np.ndarray, "h w 3"]:
    """The last observed frame, where points came from and the fan of futures, as RGB.

    The past is a thin pale tail; each sample is a thin line in the point's colour, their mean a
    strong one with a point at its end. Pokes are white arrows.

    Args:
        video: the source of the frame at - 1.
        history: S observed frames.
        futures: K samples of T frames of the same points.
        at: index of the first future frame in the video.
        pokes: what steered the futures, in pixels of the video.

    Raises:
        UserError: sizes or counts disagree, or the frames are not in the video.
    """
    mean = mean_future(video, history, futures, at)
    weight = prominence(history, mean)
    colours = track_colours(history)
    pale = np.full_like(colours, 240)
    panel = Panel(video.size, colours, weight)
    picture = dim(panel.picture(video[at - 1 : at][0]), 0.8)
    W, H = panel.size
    layer = np.zeros((_FINER * H, _FINER * W, 4), np.uint8)
    unit = _FINER * max(W, H) / 832

    def draw(
        tracks: Tracks, tint: UInt8[np.ndarray, "n 3"], alpha: Float[np.ndarray, " t"], width: float
    ) -> None:
        xy = _seen(tracks)
        first = xy[0] if tracks is history else _seen(history)[-1]
        places = _FINER * panel.place(np.concatenate([first[None], xy]))
        for before, after, strength in zip(places[:-1], places[1:], alpha, strict=True):
            draw_lines(layer, before, after, tint, strength * weight, max(1, round(width * unit)))

    draw(history, pale, np.linspace(0.0, 0.6, len(history)), 1.0)
    now, seen = _FINER * panel.place(history.xy[-1]), history.visible[-1]
    draw_points(layer, now, seen, pale, 0.3 + 0.5 * weight, unit * (0.8 + 0.8 * weight))
    for future in futures:
        draw(future, colours, np.linspace(0.7, 0.4, len(future)), 0.6)
    draw(mean, colours, np.full(len(mean), 1.0), 1.6)
    end = _FINER * panel.place(mean.xy[-1])
    tail, tip = (_FINER * panel.place(xy) for xy in (pokes.start, pokes.end))
    draw_arrows(layer, tail, tip, max(1, round(1.2 * unit)))
    draw_points(layer, end, mean.visible[-1], colours, weight, unit * 3.2 * weight)
    large = cv2.resize(picture, (_FINER * W, _FINER * H), interpolation=cv2.INTER_CUBIC)
    image = cv2.resize(over(layer, np.asarray(large)), (W, H), interpolation=cv2.INTER_AREA)
    return np.asarray(image)


def _seen(tracks: Tracks) -> Float32[np.ndarray, "t n 2"]:
    """Positions, NaN where a point is not seen: no line leads to or from a guess."""
    return np.where(tracks.visible[..., None], tracks.xy, np.float32(np.nan))
